// Makes requests of CloudEvents by npm's cloudevents, as JSON lines: each event in binary and in structured mode, with what a receiver has
// to find in it.
const { HTTP, CloudEvent } = require("cloudevents");

const common = { source: "//shop.example/eu", subject: "5% \u20ac", time: "2023-11-14T22:13:20Z", tenant: "a" };
const events = [
  [{ ...common, id: "json", type: "order.paid", data: { n: 1, text: "gr\u00fc\u00dfe" } }, '{"n":1,"text":"gr\u00fc\u00dfe"}'],
  [{ ...common, id: "text", type: "note", datacontenttype: "text/plain", data: "a \u20ac" }, "a \u20ac"],
  [{ ...common, id: "bytes", type: "file", datacontenttype: "application/octet-stream", data: new Uint8Array([1, 255]) }, new Uint8Array([1, 255])],
  [{ ...common, id: "none", type: "ping" }, ""],
];
for (const [attributes, data] of events) {
  const event = new CloudEvent(attributes);
  for (const { headers, body } of [HTTP.binary(event), HTTP.structured(event)]) {
    // The package leaves the percent-encoding of headers to its user.
    if (headers["ce-subject"]) headers["ce-subject"] = encodeURIComponent(headers["ce-subject"]);
    const base64 = (bytes) => Buffer.from(bytes ?? "").toString("base64");
    const { id, type, source, subject, tenant } = attributes;
    console.log(JSON.stringify({ headers, body: base64(body), expected: { id, type, source, subject, tenant, data: base64(data) } }));
  }
}
