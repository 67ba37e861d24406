// A backend of Etsy's StatsD that appends what it flushes to the file `config.recorder.file`, a line of JSON
// each. A line {"up":{}} says that all servers listen.

const fs = require('fs');

// Numbers are texts, because JSON has no infinity, and what reads it may round.
const texts = (key, value) => (typeof value === 'number' ? String(value) : value);

exports.init = (startup, config, events) => {
  const append = (line) => fs.appendFileSync(config.recorder.file, JSON.stringify(line, texts) + '\n');
  const listening = config.servers.map(({ server }) => {
    const { server: socket } = require(config.recorder.servers + server);
    return new Promise((resolve) => socket.once('listening', resolve));
  });
  Promise.all(listening).then(() => append({ up: {} }));
  events.on('flush', (time, { counters, gauges, timers, timer_data: statistics }) => {
    append({ counters, gauges, timers, statistics });
  });
  return true;
};
