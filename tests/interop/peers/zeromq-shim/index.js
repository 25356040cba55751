// zerorpc-node asks for zeromq 4, which no longer builds; version 6 carries the same interface.
module.exports = require("zeromq6/v5-compat");
