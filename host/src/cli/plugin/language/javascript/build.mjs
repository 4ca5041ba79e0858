// Makes a component of a plugin's module: `node build.mjs MODULE`, in the package's folder. Written there by `sluicebox plugin build`,
// so that the packages it imports are those of the project. Leaves `component.wasm` and `built.json` beside itself.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { createRequire, SourceMap } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const at = (name) => join(here, name);
const main = resolve(process.argv[2]);
/** Where the SDK is. */
const sdk = () => realpathSync(dirname(createRequire(join(process.cwd(), "package.json")).resolve("@sluicebox/sdk")));

try {
  if (Number(process.versions.node.split(".")[0]) < 18) throw `Node.js ${process.versions.node} is too old: 18 or later is needed`;
  if (!existsSync(main)) throw `there is no ${relative(".", main)}, which "main" of package.json names`;
  await make();
} catch (error) {
  // esbuild has told its own errors.
  if (!error?.errors) console.error(typeof error === "string" ? error : (error?.stack ?? error));
  process.exitCode = 1;
}

async function make() {
  const { exports, schema } = await describe();
  const { script, map } = await bundle(exports);
  const source = script + lines(script, map);
  const world = `package sluicebox:plugin@0.1.0;\nworld built {\n  include host;\n${exports.map((one) => `  export ${one};\n`).join("")}}\n`;
  writeFileSync(at("wit/built.wit"), world);
  await componentize(source, world);
  const { version } = JSON.parse(readFileSync(join(sdk(), "package.json"), "utf8"));
  writeFileSync(at("built.json"), JSON.stringify({ schema, sdk: version }));
}

/** What the module exports, found by loading it here; there is no host meanwhile. */
async function describe() {
  const entry = `import * as plugin from ${JSON.stringify(main)};
    import { describe } from "@sluicebox/sdk/describe";
    export default describe(plugin);`;
  const { script } = await esbuild(entry, { conditions: ["sluicebox-build"], sourcemap: "inline" });
  writeFileSync(at("describe.mjs"), script);
  process.setSourceMapsEnabled(true);
  return (await import(pathToFileURL(at("describe.mjs")))).default;
}

/** One script of all modules, the SDK's first: it puts in place what QuickJS does not have. */
function bundle(exports) {
  const entry = `import { component } from "@sluicebox/sdk/guest";
    import * as plugin from ${JSON.stringify(main)};
    export const { ${exports.join(", ")} } = component(plugin);`;
  return esbuild(entry, { conditions: ["sluicebox-guest"], external: ["sluicebox:*"], sourcemap: "external" });
}

async function esbuild(contents, options) {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: process.cwd(), sourcefile: "entry.js" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2023",
    charset: "utf8",
    logLevel: "warning",
    outfile: at("script.js"),
    ...options,
  });
  const text = (end) => outputFiles.find((file) => file.path.endsWith(end))?.text;
  return { script: text(".js"), map: text(".map") };
}

/** Which lines of the script came from where, for what is told of an error: all but the SDK's. */
function lines(script, map) {
  const places = new SourceMap(JSON.parse(map));
  const own = sdk() + sep;
  const table = [];
  let before = { file: null, offset: 0 };
  script.split("\n").forEach((text, index) => {
    const entry = places.findEntry(index, text.search(/\S|$/));
    const known = entry.generatedLine === index && entry.originalSource !== undefined;
    const path = known ? resolve(here, entry.originalSource) : "";
    const is = known && path !== at("entry.js") && path !== resolve("entry.js") && !path.startsWith(own);
    const now = { file: is ? relative(".", path).replaceAll(sep, "/") : null, offset: is ? entry.originalLine - index : 0 };
    if (now.file !== before.file || now.offset !== before.offset) table.push([index + 1, now.file, entry.originalLine + 1]);
    before = now;
  });
  return `\nglobalThis[Symbol.for("sluicebox.lines")] = ${JSON.stringify(table.map((row) => (row[1] ? row : [row[0]])))};\n`;
}

/**
 * The component, unless the one that is there was made of the same: componentize-qjs makes other bytes each time, and a plugin that did
 * not change should keep its digest.
 */
async function componentize(source, world) {
  const { version } = createRequire(import.meta.url)("componentize-qjs/package.json");
  const hash = createHash("sha256");
  for (const part of [version, world, readFileSync(at("wit/plugin.wit")), source]) hash.update(part).update("\0");
  const made = hash.digest("hex");
  if (existsSync(at("component.wasm")) && existsSync(at("made-of")) && readFileSync(at("made-of"), "utf8") === made) return;
  writeFileSync(at("script.js"), source);
  const { componentize } = await import("componentize-qjs");
  const options = { witPath: at("wit"), world: "built", sync: true, stubWasi: true, optSize: true };
  const { component } = await componentize({ ...options, jsSource: source });
  writeFileSync(at("component.wasm"), component);
  writeFileSync(at("made-of"), made);
}
