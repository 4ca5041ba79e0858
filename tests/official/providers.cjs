// Providers' own packages as the other side: each line of the input asks one of them to sign a body, or whether it accepts a request; each
// line of the output is its answer. `verify` throws where it does not accept.
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

// For packages that `require` does not find: they are ECMAScript modules only, which are not looked for by NODE_PATH.
const imported = (file) => import(pathToFileURL(join(process.env.NODE_PATH, file)));
const octokit = () => imported("@octokit/webhooks-methods/dist-src/index.js");
const stripe = () => new (require("stripe"))("sk_unused");

const svix = (name) => {
  const { Webhook } = require(name);
  const prefix = name === "svix" ? "svix" : "webhook";
  return {
    sign: ({ key, body, now }) => {
      const signature = new Webhook(key).sign("msg_1", new Date(now * 1000), body);
      return { [`${prefix}-id`]: "msg_1", [`${prefix}-timestamp`]: `${now}`, [`${prefix}-signature`]: signature };
    },
    verify: ({ key, headers, body }) => new Webhook(key).verify(body, headers),
  };
};

const providers = {
  github: {
    sign: async ({ key, body }) => ({ "x-hub-signature-256": await (await octokit()).sign(key, body) }),
    accepts: async ({ key, headers, body }) => (await octokit()).verify(key, body, headers["x-hub-signature-256"]),
  },

  stripe: {
    sign: ({ key, body, now }) => ({
      "stripe-signature": stripe().webhooks.generateTestHeaderString({ payload: body, secret: key, timestamp: now }),
    }),
    verify: ({ key, headers, body }) => stripe().webhooks.constructEvent(body, headers["stripe-signature"], key),
  },

  "standard-webhooks": svix("standardwebhooks"),
  svix: svix("svix"),

  shopify: {
    accepts: async ({ key, headers, body }) => {
      require("@shopify/shopify-api/adapters/node");
      const { shopifyApi, LogSeverity } = require("@shopify/shopify-api");
      const shopify = shopifyApi({
        apiSecretKey: key, apiKey: "unused", hostName: "shop.example.com", apiVersion: "2025-10", isEmbeddedApp: false,
        logger: { log: () => {}, level: LogSeverity.Error },
      });
      const told = Object.fromEntries(["topic", "shop-domain", "api-version", "webhook-id"].map((name) => [`x-shopify-${name}`, "told"]));
      const rawRequest = { method: "POST", url: "/", headers: { ...told, ...headers } };
      return (await shopify.webhooks.validate({ rawBody: body, rawRequest, rawResponse: {} })).valid;
    },
  },

  zoom: {
    accepts: async ({ key, headers, body }) => {
      const { AwsLambdaReceiver } = require("@zoom/rivet/meetings");
      const handle = new AwsLambdaReceiver({ webhooksSecretToken: key }).start();
      return (await handle({ headers, body, isBase64Encoded: false }, {})).statusCode === 200;
    },
  },

  discord: {
    accepts: ({ key, headers, body }) => {
      const { verifyKey } = require("discord-interactions");
      return verifyKey(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], key);
    },
  },

  sendgrid: {
    accepts: ({ key, headers, body }) => {
      const { EventWebhook, EventWebhookHeader } = require("@sendgrid/eventwebhook");
      const [signature, time] = [EventWebhookHeader.SIGNATURE(), EventWebhookHeader.TIMESTAMP()].map((name) => headers[name.toLowerCase()]);
      const webhook = new EventWebhook();
      return webhook.verifySignature(webhook.convertPublicKeyToECDSA(key), body, signature, time);
    },
  },

  paddle: {
    accepts: ({ key, headers, body }) => {
      const { Paddle } = require("@paddle/paddle-node-sdk");
      return new Paddle("unused").webhooks.isSignatureValid(body, key, headers["paddle-signature"]);
    },
  },

  workos: {
    sign: async ({ key, body, now }) => {
      const { WorkOS } = require("@workos-inc/node");
      const signature = await new WorkOS("sk_unused").webhooks.computeSignature(now * 1000, JSON.parse(body), key);
      return { "workos-signature": `t=${now * 1000}, v1=${signature}` };
    },
    verify: ({ key, headers, body }) => {
      const { WorkOS } = require("@workos-inc/node");
      const told = { payload: JSON.parse(body), sigHeader: headers["workos-signature"], secret: key };
      return new WorkOS("sk_unused").webhooks.verifyHeader(told);
    },
  },

  mux: {
    verify: ({ key, headers, body }) => {
      const Mux = require("@mux/mux-node").default;
      return new Mux({ tokenId: "unused", tokenSecret: "unused" }).webhooks.verifySignature(body, headers, key);
    },
  },

  razorpay: {
    accepts: ({ key, headers, body }) => require("razorpay").validateWebhookSignature(body, headers["x-razorpay-signature"], key),
  },

  gocardless: {
    verify: ({ key, headers, body }) => require("gocardless-nodejs/webhooks").parse(body, key, headers["webhook-signature"]),
  },

  notion: {
    sign: async ({ key, body }) => ({
      "x-notion-signature": await require("@notionhq/client").signWebhookPayload({ body, verificationToken: key }),
    }),
    accepts: ({ key, headers, body }) =>
      require("@notionhq/client").verifyWebhookSignature({ body, signature: headers["x-notion-signature"], verificationToken: key }),
  },

  sanity: {
    sign: async ({ key, body, now }) => ({
      "sanity-webhook-signature": await require("@sanity/webhook").encodeSignatureHeader(body, now * 1000, key),
    }),
    accepts: ({ key, headers, body }) => require("@sanity/webhook").isValidSignature(body, headers["sanity-webhook-signature"], key),
  },

  linear: {
    verify: async ({ key, headers, body }) => {
      const { LinearWebhookClient } = await imported("@linear/sdk/dist/webhooks/index.mjs");
      return new LinearWebhookClient(key).verify(Buffer.from(body), headers["linear-signature"]);
    },
  },

  pusher: {
    sign: ({ key, body }) => ({ "x-pusher-key": "key", "x-pusher-signature": new (require("pusher").Token)("key", key).sign(body) }),
    accepts: ({ key, headers, body }) => {
      const Pusher = require("pusher");
      const told = { "x-pusher-key": "key", "content-type": "application/json" };
      return new Pusher({ appId: "1", key: "key", secret: key, host: "unused" })
        .webhook({ headers: { ...told, ...headers }, rawBody: body })
        .isValid();
    },
  },

  line: {
    accepts: ({ key, headers, body }) => require("@line/bot-sdk").validateSignature(body, key, headers["x-line-signature"]),
  },

  onfido: {
    verify: ({ key, headers, body }) => {
      const { WebhookEventVerifier } = require("@onfido/api");
      return new WebhookEventVerifier(key).readPayload(body, headers["x-sha2-signature"]);
    },
  },

  retell: {
    sign: async ({ key, body, now }) => ({
      "x-retell-signature": await require("retell-sdk/lib/webhook_auth").symmetric.sign(body, key, now * 1000),
    }),
    accepts: ({ key, headers, body }) => require("retell-sdk").verify(body, key, headers["x-retell-signature"]),
  },

  easypost: {
    verify: ({ key, headers, body }) => {
      const EasyPost = require("@easypost/api");
      return new EasyPost("unused").Utils.validateWebhook(Buffer.from(body), headers, key);
    },
  },

  cronofy: {
    accepts: ({ key, headers, body }) => {
      const Cronofy = require("cronofy");
      return new Cronofy({ client_id: "unused", client_secret: key }).hmacValid({ hmac: headers["cronofy-hmac-sha256"], body });
    },
  },

  imagekit: {
    verify: ({ key, headers, body }) => {
      const ImageKit = require("imagekit");
      const imagekit = new ImageKit({ publicKey: "unused", privateKey: "unused", urlEndpoint: "https://unused.example.com" });
      return imagekit.verifyWebhookEvent(body, headers["x-ik-signature"], key);
    },
  },

  kontent: {
    sign: ({ key, body }) => ({
      "x-kontent-ai-signature": require("@kontent-ai/webhook-helper").signatureHelper.getHashFromString(body, key),
    }),
    accepts: ({ key, headers, body }) =>
      require("@kontent-ai/webhook-helper").signatureHelper.isValidSignatureFromString(body, key, headers["x-kontent-ai-signature"]),
  },

  webflow: {
    accepts: ({ key, headers, body }) => {
      const { WebflowClient } = require("webflow-api");
      return new WebflowClient({ accessToken: "unused" }).webhooks.verifySignature({ headers, body, secret: key });
    },
  },

  hookdeck: {
    accepts: async ({ key, headers, body }) => {
      const { verifyWebhookSignature } = require("@hookdeck/sdk/webhooks/helpers");
      return (await verifyWebhookSignature({ headers, rawBody: body, signingSecret: key })).isValidSignature;
    },
  },
};

// Some packages talk on the standard output, which is for the answers.
for (const level of ["log", "debug", "info"]) console[level] = console.error;

// A package says no by its answer or by an error.
async function accepts(provider, request) {
  try {
    return provider.accepts ? await provider.accepts(request) : (await provider.verify(request), true);
  } catch (error) {
    console.error(`${request.provider}: ${error.message}`);
    return false;
  }
}

async function main() {
  for (const line of require("node:fs").readFileSync(0, "utf8").trim().split("\n")) {
    const request = JSON.parse(line);
    const provider = providers[request.provider];
    const answer = request.ask === "sign" ? { headers: await provider.sign(request) } : { accepted: await accepts(provider, request) };
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

main();
