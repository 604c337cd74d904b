import { serversHere } from "../support/queueServers";

// Everything that takes a real server. Not part of `npm test`: it takes a quarter of an hour for each of them.
if (serversHere.size === 0) {
  throw new Error("There is neither redis-server nor postgres on the PATH: install one of them, or both.");
}
after(() => console.log(`  On ${[...serversHere.keys()].join(" and ")}.`));
require("./workers");
require("./results");
require("./deaths");
require("./sameState");
require("./engine");
