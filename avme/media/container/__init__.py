"""Container headers and packets, read with PyAV: streams, times, colors, cropping."""
