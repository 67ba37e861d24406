// What the client for JavaScript reads of the beans of a pattern: the pattern, and the URLs of servers.
import Jolokia from "@jolokia.js/simple";

const [pattern, ...urls] = process.argv.slice(2);
const answers = [];
for (const url of urls) {
  answers.push(await new Jolokia({ url }).request({ type: "read", mbean: pattern }, { method: "post" }));
}
process.stdout.write(JSON.stringify(answers));
