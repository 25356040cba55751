"""Interoperability with stock zerorpc and zerorpc-node: real peers, in processes of their own."""
