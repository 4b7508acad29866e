#!/bin/sh
# Prints a C file that holds a text file as a string: embed.sh FILE NAME
set -eu
printf 'extern const char %s[];\nconst char %s[] =\n' "$2" "$2"
sed 's/[\\"]/\\&/g; s/.*/    "&\\n"/' "$1"
printf '    ;\n'
