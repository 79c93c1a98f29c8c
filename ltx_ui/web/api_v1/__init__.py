"""The versioned API below ``/api/v1``: jobs, takes, pictures, and what may be asked for."""
