// node ldif-to-ndjson.mjs < people.ldif > people.ndjson
import { createInterface } from "node:readline";

let entry = {};
let line = "";

function endLine() {
  const [, name, isBase64, value] = /^([^:;#]+)[^:]*:(:?) *(.*)$/s.exec(line) ?? [];
  if (name !== undefined && name !== "version") {
    entry[name] ??= [];
    entry[name].push(isBase64 ? Buffer.from(value, "base64").toString() : value);
  }
  line = "";
}

function endEntry() {
  endLine();
  if (Object.keys(entry).length > 0) console.log(JSON.stringify(entry));
  entry = {};
}

for await (const next of createInterface({ input: process.stdin })) {
  if (next.startsWith(" ")) {
    line += next.slice(1);
  } else {
    if (next === "") endEntry();
    else endLine();
    line = next;
  }
}
endEntry();
