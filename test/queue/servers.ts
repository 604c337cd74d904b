// Everything that takes a real server, and is not part of `npm test`: it takes some ten minutes for each of them.
require("./workers");
require("./results");
require("./deaths");
require("./cutOff");
require("./fenced");
require("./slots");
require("./interrupts");
require("./tls");
require("./sameState");
require("./engine");
