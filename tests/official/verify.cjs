// Reads requests as JSON lines and checks each by what others wrote: Standard Webhooks v1 by npm's standardwebhooks, v1a by Node's own
// Ed25519, CloudEvents by npm's cloudevents. Says with how many lines it agrees.
const crypto = require("node:crypto");
const { Webhook } = require("standardwebhooks");
const { HTTP } = require("cloudevents");

const checks = {
  v1({ secret, headers, body }) {
    new Webhook(secret).verify(body, headers);
    return true;
  },

  v1a({ public: key, headers, body }) {
    const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(key.replace("whpk_", ""), "base64")]);
    const signed = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
    const entry = headers["webhook-signature"].split(" ").find((one) => one.startsWith("v1a,"));
    const verifier = crypto.createPublicKey({ key: spki, format: "der", type: "spki" });
    return crypto.verify(null, signed, verifier, Buffer.from(entry.slice("v1a,".length), "base64"));
  },

  cloudevent({ headers, body, expected }) {
    const events = [HTTP.toEvent({ headers, body })].flat();
    const same = (event, wanted) => {
      const data = event.data_base64 ? Buffer.from(event.data_base64, "base64").toString() : event.data;
      const text = typeof data === "string" ? data : JSON.stringify(data);
      // The package leaves the percent-encoding of headers to its user.
      const subject = headers["ce-subject"] ? decodeURIComponent(event.subject) : event.subject;
      return event.id === wanted.id && event.source === wanted.source && event.type === wanted.type && subject === wanted.subject && text === wanted.data;
    };
    return events.length === 1 && events.every((event) => event.validate() && same(event, expected));
  },
};

let agreed = 0;
for (const line of require("node:fs").readFileSync(0, "utf8").trim().split("\n")) {
  const request = JSON.parse(line);
  let found = false;
  try {
    found = checks[request.kind](request);
  } catch (error) {
    if (request.right) console.error(error);
  }
  if (found === request.right) agreed += 1;
  else console.error(`said ${found}: ${line}`);
}
console.log(`agreed ${agreed}`);
