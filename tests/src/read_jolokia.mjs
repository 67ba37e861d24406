// What the client for JavaScript reads of a server: its URL, a bean, a pattern, and credentials.
import Jolokia from "@jolokia.js/simple";

const [url, bean, pattern, username, password] = process.argv.slice(2);
// It looks for the function that encodes credentials in a browser's window.
globalThis.window = globalThis;
const client = new Jolokia(username ? { url, username, password } : { url });
const [domain, properties] = bean.split(/:(.*)/s);
const ask = (request, options) => client.request(request, { method: "post", ...options });
const read = (attribute, mbean = bean) => ({ type: "read", mbean, attribute });
const polled = new Promise((resolve) => {
  client.register((...answers) => resolve(answers), read("Count"), { type: "search", mbean: pattern });
  client.start(50);
});
const answers = {
  version: await ask({ type: "version" }),
  one: await client.request(read("Count"), { method: "get" }),
  several: await ask([read("Count"), read("Mean")]),
  missing: await ask(read("Count", "no:such=bean")),
  search: await ask({ type: "search", mbean: pattern }),
  list: await client.request({ type: "list", path: `${Jolokia.escape(domain)}/${Jolokia.escape(properties)}` }),
  exec: await ask({ type: "exec", mbean: bean, operation: "reset", arguments: [] }),
  polled: await polled,
  // As consoles do.
  all: await ask(read(null, pattern), { maxDepth: 7, maxCollectionSize: 50000, ignoreErrors: true, canonicalNaming: false }),
  simple: await client.getAttribute(bean, "Mean"),
};
client.stop();
process.stdout.write(JSON.stringify(answers));
