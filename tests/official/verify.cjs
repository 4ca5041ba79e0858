// Reads requests as JSON lines and verifies each by npm's standardwebhooks; says with how many lines it agrees.
const { Webhook } = require("standardwebhooks");

let agreed = 0;
for (const line of require("node:fs").readFileSync(0, "utf8").trim().split("\n")) {
  const { secret, headers, body, right } = JSON.parse(line);
  let found = true;
  try {
    new Webhook(secret).verify(body, headers);
  } catch {
    found = false;
  }
  if (found === right) agreed += 1;
  else console.error(`said ${found}: ${line}`);
}
console.log(`agreed ${agreed}`);
