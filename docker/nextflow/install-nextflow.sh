#!/bin/sh
# Installs Nextflow and its plugins into a folder, as the Dockerfile's arguments say:
#
#   install-nextflow.sh FOLDER
#
# NEXTFLOW_DISTRIBUTION is the URL of an executable (the file nextflow-VERSION-dist of a release) or
# of a .tar.gz with bin/nextflow and whatever that needs beside it. Such an archive may bring plugins
# itself, in plugins/ID-VERSION, or a file named no-plugins that says why there are none; all others
# are fetched here, so that a run needs no registry.
set -eu

root=$1

fail() {
  echo "install-nextflow: $*" >&2
  exit 1
}

# fetch ARGUMENT URL FILE; a host that sends nothing for half a minute is not waited for.
fetch() {
  said=$(curl --fail --silent --show-error --location --retry 2 --connect-timeout 20 \
    --speed-limit 1 --speed-time 30 --output "$3" "$2" 2>&1) ||
    fail "$1: $2 cannot be downloaded: $(echo "$said" | tail -n 1)"
}

# check ARGUMENT SHA256 FILE URL
check() {
  actual=$(sha256sum "$3")
  [ "${actual%% *}" = "$2" ] ||
    fail "$1: $4 has the SHA-256 ${actual%% *}, expected $2"
}

if [ -z "$NEXTFLOW_SHA256" ] && [ "$NEXTFLOW_DISTRIBUTION" != "$NEXTFLOW_RELEASE" ]; then
  fail "NEXTFLOW_SHA256 is missing: NEXTFLOW_DISTRIBUTION=$NEXTFLOW_DISTRIBUTION needs its SHA-256"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
file=$work/distribution

fetch NEXTFLOW_DISTRIBUTION "$NEXTFLOW_DISTRIBUTION" "$file"
[ -z "$NEXTFLOW_SHA256" ] ||
  check NEXTFLOW_SHA256 "$NEXTFLOW_SHA256" "$file" "$NEXTFLOW_DISTRIBUTION"

mkdir -p "$root/bin" "$root/plugins"
if tar -tzf "$file" >"$work/content" 2>"$work/not-tar"; then
  tar -xzf "$file" -C "$root" --no-same-owner
else
  install -m 0755 "$file" "$root/bin/nextflow"
  # Its end is a jar with all libraries, which scanners know only by such a name (`make sbom`).
  ln -s nextflow "$root/bin/nextflow.jar"
fi
[ -x "$root/bin/nextflow" ] ||
  fail "NEXTFLOW_DISTRIBUTION: $NEXTFLOW_DISTRIBUTION contains no executable bin/nextflow"

if [ -f "$root/no-plugins" ]; then
  echo "install-nextflow: no plugins in this image: $(cat "$root/no-plugins")"
  exit
fi
for plugin in $NEXTFLOW_PLUGINS; do
  sha256=${plugin#*=}
  name=${plugin%%=*}
  id=${name%@*}
  version=${name#*@}
  [ "$id@$version" = "$name" ] ||
    fail "NEXTFLOW_PLUGINS: $plugin must be ID@VERSION or ID@VERSION=SHA256"
  [ -d "$root/plugins/$id-$version" ] && continue
  url=$NEXTFLOW_PLUGIN_REGISTRY/$id/$version/download/$id-$version.zip
  fetch NEXTFLOW_PLUGINS "$url" "$work/plugin.zip"
  [ "$sha256" = "$plugin" ] || check NEXTFLOW_PLUGINS "$sha256" "$work/plugin.zip" "$url"
  unzip -q "$work/plugin.zip" -d "$root/plugins/$id-$version" 2>"$work/not-zip" ||
    fail "NEXTFLOW_PLUGINS: $url is not a zip archive"
done

# Scanners do not know that a folder is a plugin, nor the version of Nextflow among its libraries.
# https://cyclonedx.org/docs/1.6/json/
components=
component() {
  components="$components${components:+, }{\"type\": \"library\", \"name\": \"$1\",
 \"version\": \"$2\", \"purl\": \"pkg:generic/$1@$2\"}"
}
if [ -L "$root/bin/nextflow.jar" ]; then
  version=$(sed -n "s/^NXF_VER=.*'\([0-9A-Za-z.-]*\)'.*/\1/p" "$root/bin/nextflow" | head -n 1)
  [ -z "$version" ] || component nextflow "$version"
fi
for folder in "$root"/plugins/*-[0-9]*/; do
  [ -d "$folder" ] || continue
  name=$(basename "$folder")
  id=${name%%-[0-9]*}
  component "$id" "${name#"$id"-}"
done
cat >"$root/nextflow.cdx.json" <<END
{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [$components]}
END
