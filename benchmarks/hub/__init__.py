"""What P8 measures a hub with: a load and workers that are faster than anything between them.

Processes of their own on plain sockets. What they say is prepared, and whole batches of it are
counted and answered by a few operations on bytes: no frame is ever taken apart.
"""
