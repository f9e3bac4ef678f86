#!/bin/sh
# Installs Nextflow and its plugins into /opt/nextflow:
#
#   install-nextflow.sh DISTRIBUTION SHA256 "PLUGIN@VERSION ..."
#
# DISTRIBUTION is the URL of an executable (the file nextflow-VERSION-dist of a release) or of a
# .tar.gz with bin/nextflow and whatever that needs beside it. Such an archive may bring the plugins
# itself, in plugins/ID-VERSION, or a file named no-plugins that says why there are none; in all
# other cases Nextflow installs them here, so that a run needs no registry.
set -eu

distribution=$1 sha256=$2 plugins=$3
root=/opt/nextflow

fail() {
  echo "install-nextflow: $*" >&2
  exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nextflow leaves a folder of its own where it is started.
cd "$work"
file=$work/distribution

curl --fail --silent --show-error --location --retry 3 --output "$file" "$distribution" ||
  fail "NEXTFLOW_DISTRIBUTION=$distribution cannot be fetched"
if [ -n "$sha256" ]; then
  echo "$sha256  $file" | sha256sum --check --quiet - ||
    fail "NEXTFLOW_SHA256=$sha256 is not the checksum of $distribution"
fi

mkdir -p "$root/bin" "$root/plugins"
if tar -tzf "$file" >"$work/content" 2>"$work/not-tar"; then
  tar -xzf "$file" -C "$root" --no-same-owner
else
  install -m 0755 "$file" "$root/bin/nextflow"
fi
[ -x "$root/bin/nextflow" ] || fail "$distribution holds no executable bin/nextflow"
ln -s "$root/bin/nextflow" /usr/local/bin/nextflow

if [ -f "$root/no-plugins" ]; then
  echo "install-nextflow: no plugins in this image: $(cat "$root/no-plugins")"
else
  missing=
  for plugin in $plugins; do
    [ -d "$root/plugins/$(echo "$plugin" | tr @ -)" ] || missing="$missing,$plugin"
  done
  if [ -n "$missing" ]; then
    NXF_HOME=$work/home NXF_PLUGINS_DIR=$root/plugins NXF_LOG_FILE=$work/log \
      nextflow plugin install "${missing#,}" || {
        tail -n 20 "$work/log" >&2 || true
        fail "the plugins ${missing#,} cannot be installed"
      }
  fi
  for plugin in $plugins; do
    [ -d "$root/plugins/$(echo "$plugin" | tr @ -)" ] ||
      fail "the plugin $plugin is not in $root/plugins after its installation"
  done
fi

# A pipeline may ask for further plugins, which Nextflow adds here while it runs.
chown -R nextflow: "$root/plugins"
