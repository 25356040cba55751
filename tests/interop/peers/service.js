// The service that a node peer serves; `service.py` is its twin and says what each method is for.
// zerorpc-node reads the argument names out of the source text: classic functions only.

const productions = {};

function production(tag) {
  if (!productions[tag]) {
    productions[tag] = { made: 0, ending: "", waiting: [] };
  }
  return productions[tag];
}

const notes = [];

module.exports = {
  hello: function (name, reply) {
    reply(null, "hello, " + name);
  },
  add: function (a, b, reply) {
    reply(null, a + b);
  },
  echo: function (value, reply) {
    reply(null, value);
  },
  nothing: function (reply) {
    reply(null, null);
  },
  fail: function (message, reply) {
    reply(new TypeError(message));
  },
  fail_with_text: function (message, reply) {
    reply(message);
  },
  throw_error: function (message, reply) {
    throw new RangeError(message);
  },
  sleep: function (seconds, reply) {
    setTimeout(() => reply(null, "slept"), seconds * 1000);
  },
  note: function (text, reply) {
    notes.push(text);
    reply(null, null);
  },
  notes: function (reply) {
    reply(null, notes);
  },
  count: function (number, reply) {
    for (let item = 0; item < number; item++) {
      reply(null, item, true);
    }
    reply();
  },
  break_off: function (number, message, reply) {
    for (let item = 0; item < number; item++) {
      reply(null, item, true);
    }
    reply(new TypeError(message));
  },
  produce: function (tag, number, reply) {
    const record = production(tag);
    let item = 0;
    // One item a turn of the loop, so that other calls are served while the stream is made.
    const step = function () {
      try {
        if (item < number) {
          reply(null, item++, true);
          record.made++;
          setImmediate(step);
          return;
        }
        reply();
        record.ending = "returned";
      } catch (error) {
        // zerorpc-node tells a method of a lost client by refusing to send.
        record.ending = error.name;
      }
      record.waiting.forEach((wake) => wake());
    };
    step();
  },
  made: function (tag, reply) {
    reply(null, production(tag).made);
  },
  ended: function (tag, reply) {
    const record = production(tag);
    if (record.ending) {
      reply(null, record.ending);
    } else {
      record.waiting.push(() => reply(null, record.ending));
    }
  },
};
