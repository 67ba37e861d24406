// Starts Etsy's StatsD: `node launch.js CONFIG STATS_JS`.

// Newer versions of Node have no `util.log`, which it calls.
const util = require('util');
util.log = util.log || ((text) => console.log(text));

require(process.argv[3]);
