"""What outlives a click: the queue and the library, behind one Studio."""
