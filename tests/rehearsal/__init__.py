"""The whole way of a clip on CUDA, rehearsed without a GPU: the engine's own ``load`` and
``generate`` on fake ``cuda:0`` tensors, which have shapes, types and devices but no numbers.

CUDA graphs are played with the memory that they hold on to, and weights in 4 bits by bitsandbytes'
operators, which say what shapes they give. Nothing is compiled: Inductor wants a device to make
kernels for.

What happens is written down (peaks of memory, kernels, copies, synchronisations) and held against
what ``ltx_ui.engine.placement`` promises. It can't see kernels that lack a type, rounding, races
between streams, fragmentation, or what cuDNN, cuBLAS, Inductor and Triton take for themselves.

    python -m tests.rehearsal             all placements at full size, as a table
    python -m tests.rehearsal --help
"""
