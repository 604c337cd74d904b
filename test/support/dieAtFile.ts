import fs from "node:fs/promises";
import path from "node:path";

// Loaded before a program (`node --require`): it dies by `kill -9` when the file DIE_AT_FILE is whole and has yet to get its name.
const { rename } = fs;
fs.rename = async (from, to) => {
  if (path.basename(String(to)) === process.env.DIE_AT_FILE) process.kill(process.pid, "SIGKILL");
  return rename(from, to);
};
