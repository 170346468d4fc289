#!/bin/sh
# Writes the broker's definitions to standard output: definitions.json with ${NAME} replaced by the environment's NAME,
# escaped for JSON. A name without a value is an error: a user without a password is not a development default.
# CLUSTER=1: what is a classic queue otherwise, which is gone for as long as its only node, is a quorum queue.
set -eu
awk '
    # letter by letter: what a backslash means in the replacement of gsub differs from awk to awk
    function escaped(text, result, i, letter) {
        for (i = 1; i <= length(text); i++) {
            letter = substr(text, i, 1)
            result = result (letter == "\\" || letter == "\"" ? "\\" : "") letter
        }
        return result
    }
    {
        rest = $0; line = ""
        while (match(rest, /\$\{[A-Z_]+\}/)) {
            name = substr(rest, RSTART + 2, RLENGTH - 3)
            if (!(name in ENVIRON) || ENVIRON[name] == "") { print "render.sh: " name " is not set" > "/dev/stderr"; exit 1 }
            line = line substr(rest, 1, RSTART - 1) escaped(ENVIRON[name])
            rest = substr(rest, RSTART + RLENGTH)
        }
        line = line rest
        if (ENVIRON["CLUSTER"] != "") sub(/"x-queue-type": "classic"/, "\"x-queue-type\": \"quorum\"", line)
        print line
    }
' "$(dirname "$0")/definitions.json"
