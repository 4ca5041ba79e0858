// Where in the author's files something was thrown. A component has one script; the tool that builds it leaves a table of which of
// its lines came from where, of the author's files only: `[line of the script, file, line]`, each until the next.

const LINES = Symbol.for("sluicebox.lines");
const FRAME = /at (?:(\S+) \()?componentize-qjs:user\.js:(\d+)/g;

/** The frames of a stack that are in the author's files, innermost first. */
export function placesOf(stack) {
  const lines = globalThis[LINES] ?? [];
  const places = [];
  for (const [, name, line] of stack.matchAll(FRAME)) {
    const [start, file, first] = lines.findLast(([start]) => start <= Number(line)) ?? [];
    if (file) places.push({ name: name ?? "anonymous", place: `${file}:${first + Number(line) - start}` });
  }
  return places;
}
