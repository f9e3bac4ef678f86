#!/bin/sh
# Compiles the head's own plugin against the Nextflow in a folder, and puts it beside the others:
#
#   install-plugin.sh SOURCES FOLDER
#
# FOLDER is what install-nextflow.sh has filled. Groovy's compiler is part of Nextflow. What a new
# Nextflow has changed of the little that the plugin uses, fails here.
set -eu

sources=$1
root=$2

fail() {
  echo "install-plugin: $*" >&2
  exit 1
}

if [ -f "$root/no-plugins" ]; then
  echo "install-plugin: the head's own plugin is not installed either: $(cat "$root/no-plugins")"
  exit
fi
attribute() {
  sed -n "s/^$1: *//p" "$sources/META-INF/MANIFEST.MF"
}
plugin=$root/plugins/$(attribute Plugin-Id)-$(attribute Plugin-Version)
[ ! -d "$plugin" ] || exit 0
amazon=$(find "$root/plugins" -maxdepth 1 -name 'nf-amazon-*' | sort -V | tail -n 1)
[ -n "$amazon" ] || fail "the head's plugin extends nf-amazon, which is missing in $root/plugins"

# A release is one executable with all libraries at its end, which Java reads as it is.
core=$root/bin/nextflow
[ ! -d "$root/lib" ] || core="$root/lib/*"

classes=$plugin/classes
mkdir -p "$classes"
java -cp "$core:$amazon/classes:$amazon/lib/*" org.codehaus.groovy.tools.FileSystemCompiler \
  -d "$classes" "$sources"/nextflowbatch/*.groovy ||
  fail "the head's plugin does not compile against this Nextflow and $(basename "$amazon")"
cp -R "$sources/META-INF" "$classes"
