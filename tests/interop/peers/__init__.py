"""The programs that play the two ends of a call: `python -m peers.peer`, `node peers/peer.js`."""
