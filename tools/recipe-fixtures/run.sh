#!/bin/sh
# Makes the fixtures of the recipes anew. See README.md for what has to be installed first.
set -eu
cd "$(dirname "$0")"
folder=$(cd ../../examples/recipes && pwd)
java_classpath=$(mktemp)
mvn --quiet --file java/pom.xml dependency:build-classpath -Dmdep.outputFile="$java_classpath" >&2
{
  echo username,password
  python3 fixtures.py "$folder"
  node fixtures.mjs "$folder"
  php -d include_path=/usr/share/php fixtures.php "$folder"
  ruby fixtures.rb "$folder"
  java -cp "$(cat "$java_classpath")" java/Fixtures.java "$folder"
  (cd go && go run . "$folder")
  # Not made here: Auth0's own published example.
  echo jane@auth0.example.com,shh
} >"$folder/logins.csv"
rm "$java_classpath"
node "$folder/ldif-to-ndjson.mjs" <"$folder/ldif.ldif" >"$folder/ldif.ndjson"
