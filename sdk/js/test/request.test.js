import assert from "node:assert/strict";
import { test } from "node:test";
import { Request } from "../index.js";

test("a header counts where it stands once", () => {
  const request = new Request({ headers: [["X-One", "1"], ["x-two", "a"], ["x-two", "b"]] });
  assert.equal(request.header("x-ONE"), "1");
  assert.equal(request.header("x-two"), null);
  assert.equal(request.header("x-three"), null);
});

test("a query is read as forms are", () => {
  const request = new Request({ url: "https://x.example/in/a?challenge=a%20b+c&empty&odd=%zz&twice=1&twice=2#challenge=3" });
  assert.equal(request.query("challenge"), "a b c");
  assert.equal(request.query("empty"), "");
  assert.equal(request.query("odd"), "%zz");
  assert.equal(request.query("twice"), "1");
  assert.equal(request.query("none"), null);
  assert.equal(new Request({ url: "https://x.example/" }).query(""), null);
});
