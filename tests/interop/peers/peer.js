// A node peer that a test commands; `peer.py` is its twin and tells the commands.
// zerorpc-node has no push/pull, no publish/subscribe, and no way to give up one stream.

const readline = require("readline");
const zerorpc = require("zerorpc");
const service = require("./service");

const clients = {};
const streams = {};

function toPlain(value) {
  if (Buffer.isBuffer(value)) {
    return { $bytes: value.toString("hex") };
  }
  if (Array.isArray(value)) {
    return value.map(toPlain);
  }
  if (value !== null && typeof value === "object") {
    return { $map: Object.entries(value).map(([key, item]) => [key, toPlain(item)]) };
  }
  return value === undefined ? null : value;
}

function fromPlain(value) {
  if (Array.isArray(value)) {
    return value.map(fromPlain);
  }
  if (value === null || typeof value !== "object") {
    return value;
  }
  if ("$bytes" in value) {
    return Buffer.from(value.$bytes, "hex");
  }
  return Object.fromEntries(value.$map.map(([key, item]) => [key, fromPlain(item)]));
}

// The items of a stream as they come, and those who wait for more of them.
class Stream {
  constructor(client, method, args) {
    this.items = [];
    this.over = false;
    this.error = null;
    this.isStream = false;
    this.wake = () => {};
    client.invoke(method, ...args, (error, item, more) => {
      if (error) {
        this.error = error;
      } else if (more || item !== undefined) {
        this.items.push(item);
        this.isStream = this.isStream || more;
      }
      this.over = !more;
      this.wake();
    });
  }

  async until(isEnough) {
    while (!this.over && !isEnough()) {
      await new Promise((wake) => (this.wake = wake));
    }
  }

  async take(number) {
    await this.until(() => this.items.length >= number);
    if (this.error && this.items.length < number) {
      throw this.error;
    }
    return this.items.splice(0, number);
  }
}

const operations = {
  async serve({ how, endpoint, heartbeat }) {
    const server = new zerorpc.Server(service, heartbeat * 1000);
    // A lost client is an "error" event of the server, and unheard ones end the process.
    server.on("error", (error) => console.error("server error:", error));
    server[how](endpoint);
    return server._socket._zmqSocket._socket.lastEndpoint;
  },

  async connect({ name, how, endpoint, heartbeat, timeout }) {
    clients[name] = new zerorpc.Client({ timeout, heartbeatInterval: heartbeat * 1000 });
    clients[name].on("error", (error) => console.error("client error:", error));
    clients[name][how](endpoint);
    return clients[name]._socket._zmqSocket._socket.lastEndpoint;
  },

  async call({ name, method, args, timeout }) {
    const client = clients[name];
    const call = new Stream(
      { invoke: (...rest) => (timeout ? client.invoke({ timeout }, ...rest) : client.invoke(...rest)) },
      method,
      args,
    );
    await call.until(() => false);
    if (call.error) {
      call.error.items = call.items;
      throw call.error;
    }
    return call.isStream ? call.items : call.items[0];
  },

  async open({ name, stream, method, args }) {
    streams[stream] = new Stream(clients[name], method, args);
  },

  async take({ stream, number }) {
    return streams[stream].take(number);
  },

  async drain({ name, method, args, times }) {
    const counts = [];
    for (let round = 0; round < times; round++) {
      const stream = new Stream(clients[name], method, args);
      await stream.until(() => false);
      if (stream.error) {
        throw stream.error;
      }
      counts.push(stream.items.length);
    }
    return counts;
  },

  async close({ name }) {
    clients[name].close(0);
    delete clients[name];
  },
};

async function obey({ id, op, ...args }) {
  const answer = { id };
  try {
    answer.value = toPlain((await operations[op](fromPlain({ $map: Object.entries(args) }))) ?? null);
  } catch (error) {
    const { name, message, stack } = error;
    answer.error = { class: name, text: message, name, msg: message, traceback: stack };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => obey(JSON.parse(line)));
lines.on("close", () => process.exit(0));
