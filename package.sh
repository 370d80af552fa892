#!/usr/bin/env bash
# Builds dist/segment_bridge-<version>.tar.gz from app/, bin/, default/, lookups/, the libraries pinned in
# app/lib/requirements.txt, and the pages in docs/. The last line of output is its path. The same sources give the same
# bytes. A package that is newer than all of them stays as it is.
#
# Needs Python >= 3.9 with pip: .venv (make setup) if it exists, else python3, or the one in PYTHON.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

app=segment_bridge
if [[ -z ${PYTHON-} ]]; then
    PYTHON=python3
    [[ ! -x .venv/bin/python ]] || PYTHON=.venv/bin/python
fi

fail() {
    echo "package.sh: $*" >&2
    exit 1
}

# conf_value FILE STANZA KEY: the value of a key of a .conf file
conf_value() {
    sed -n "/^\[$2\]/,/^\[/s/^$3 *= *//p" "$1"
}

# --- The version: set in [id] of default/app.conf; all others must agree --------------------------------------------

read_version() {
    version=$(conf_value default/app.conf id version)
    [[ $version =~ ^([0-9]+)\.([0-9]+)\.([0-9]+)$ ]] ||
        fail "default/app.conf [id] version must be three numbers such as 1.0.0, got \"$version\""
    # Splunk Web caches an app's files until its build number increases.
    local build=$((BASH_REMATCH[1] * 10000 + BASH_REMATCH[2] * 100 + BASH_REMATCH[3]))
    agree "default/app.conf [launcher] version" "$(conf_value default/app.conf launcher version)" "$version"
    agree "default/app.conf [install] build" "$(conf_value default/app.conf install build)" "$build"
    agree "app/app.manifest info.id.version" "$(manifest_version)" "$version"
    agree "bin/$app/__init__.py __version__" "$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' bin/$app/__init__.py)" "$version"
}

agree() {
    [[ $2 == "$3" ]] || fail "$1 is \"$2\", but default/app.conf [id] version asks for \"$3\": make them agree"
}

manifest_version() {
    "$PYTHON" -c 'import json; print(json.load(open("app/app.manifest", encoding="utf-8"))["info"]["id"]["version"])'
}

# --- The libraries: build/lib, rebuilt when the pins or the rules below change --------------------------------------

# kubernetes takes 17 MB, most of it generated models for every kind of object. The app uses only the parts that send
# requests and read a kubeconfig.
kubernetes_slice='
    __init__.py
    client/__init__.py client/api_client.py client/configuration.py client/exceptions.py client/rest.py
    client/models/__init__.py
    config/__init__.py config/config_exception.py config/dateutil.py config/exec_provider.py
    config/incluster_config.py config/kube_config.py'

digest() {
    cat "$@" | "$PYTHON" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

# download LIST FOLDER: unpacks the wheels that a list pins, and nothing else: to get a source archive's metadata, pip
# would run its code. The wheels are for one platform, so that every machine gets the same files.
download() {
    "$PYTHON" -c 'import pip' 2>/dev/null || fail "$PYTHON has no pip: run \"make setup\", or name a Python that has it in PYTHON"
    "$PYTHON" -m pip download -qq --disable-pip-version-check --dest "$2.archives" \
        --no-deps --require-hashes --only-binary :all: -r "$1" \
        --python-version 3.9 --implementation cp --abi cp39 --abi none --platform manylinux2014_x86_64 --platform any ||
        fail "the libraries could not be downloaded (pip's message is above)"
    "$PYTHON" -c 'import sys, zipfile; [zipfile.ZipFile(wheel).extractall(sys.argv[1]) for wheel in sys.argv[2:]]' \
        "$2" "$2.archives"/*.whl
}

libraries() {
    local key
    key=$(digest app/lib/requirements.txt package.sh)
    if [[ -d build/lib && $(cat build/lib.key 2>/dev/null) == "$key" ]]; then
        echo "libraries: build/lib is up to date"
        return
    fi
    echo "libraries: downloading what app/lib/requirements.txt pins"
    local lib=$work/lib
    # The SDK is published only as a source archive, whose modules are ready to use. Compiled modules are removed below.
    download <(sed '/^splunk-sdk==/,/--hash=[^\\]*$/d' app/lib/requirements.txt) "$lib"
    fetch_by_hash splunk-sdk "$work/splunk-sdk.tar.gz"
    tar -xzf "$work/splunk-sdk.tar.gz" -C "$work"
    mv "$work"/splunk-sdk-*/splunklib "$lib"
    slice_kubernetes "$lib"

    # Keep code, the CA certificates and licences. Pure Python versions replace the compiled modules.
    find "$lib" -type f ! -name '*.py' ! -name cacert.pem ! -path '*.dist-info/METADATA' ! -ipath '*.dist-info/*licen[cs]e*' -delete
    find "$lib" -type d -name tests -prune -exec rm -r {} +
    find "$lib" -type d -empty -delete
    try_libraries "$lib"
    rm -rf build/lib
    mv "$lib" build/lib
    echo "$key" > build/lib.key
}

# fetch_by_hash PROJECT FILE: fetches the archive with the pinned SHA-256 from pip's configured index. Runs no code.
fetch_by_hash() {
    local index
    index=${PIP_INDEX_URL:-$("$PYTHON" -m pip config get global.index-url 2>/dev/null ||
        "$PYTHON" -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)')}  # pip's own default
    "$PYTHON" -I -B - "$index" "$1" "$2" <<'PYTHON' || fail "$1 could not be fetched (the reason is above)"
import hashlib, html, os, re, ssl, sys
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import urlopen

index, project, target = sys.argv[1:]
pins = Path("app/lib/requirements.txt").read_text(encoding="utf-8")
pin, = re.findall(r"^%s==.*\n +--hash=sha256:([0-9a-f]{64})$" % project, pins, re.MULTILINE)
trust = ssl.create_default_context(cafile=os.environ.get("PIP_CERT"))
page = urljoin(index + "/", project + "/")
try:
    with urlopen(page, timeout=60, context=trust) as answer:
        links = re.findall(r'href="([^"#]+)#sha256=%s"' % pin, answer.read().decode())
    if not links:
        sys.exit("%s has no file with the SHA-256 %s" % (page, pin))
    with urlopen(urljoin(page, html.unescape(links[0])), timeout=60, context=trust) as answer:
        content = answer.read()
except OSError as error:
    sys.exit("%s: %s" % (page, error))
if hashlib.sha256(content).hexdigest() != pin:
    sys.exit("%s does not match its hash" % links[0])
Path(target).write_bytes(content)
PYTHON
}

# Keeps the slice, and removes the lines of its __init__ files that import anything else.
slice_kubernetes() {
    local file
    mv "$1/kubernetes" "$work/kubernetes"
    for file in $kubernetes_slice; do
        mkdir -p "$(dirname "$1/kubernetes/$file")"
        sed -E '/^from kubernetes\.client\.(api|models)\./d; /^from \. import (config|dynamic|watch|stream|utils|leaderelection)$/d' \
            "$work/kubernetes/$file" > "$work/sliced"
        if cmp -s "$work/kubernetes/$file" "$work/sliced"; then
            mv "$work/sliced" "$1/kubernetes/$file"
        else
            { echo "# Changed for Segment Bridge: imports of what it does not ship were taken out."; cat "$work/sliced"; } > "$1/kubernetes/$file"
        fi
    done
}

# Imports what the app imports, under the OpenSSL that Splunk 9's Python is linked with.
try_libraries() {
    "$PYTHON" -I -B - "$1" <<'PYTHON' || fail "the libraries do not import (the traceback is above)"
import ssl, sys
sys.path.insert(0, sys.argv[1])
ssl.OPENSSL_VERSION_INFO, ssl.OPENSSL_VERSION = (1, 0, 2, 26, 15), "OpenSSL 1.0.2zk-fips"
import kubernetes.client.api_client, kubernetes.config, requests, splunklib.modularinput, splunklib.searchcommands
PYTHON
}

# --- The pages of the view "help", which docs/build.py makes with the libraries of docs/requirements.txt ---------------

# help_pages FOLDER
help_pages() {
    local key
    key=$(digest docs/requirements.txt)
    if [[ ! -d build/markdown || $(cat build/markdown.key 2>/dev/null) != "$key" ]]; then
        echo "help: downloading what docs/requirements.txt pins"
        download docs/requirements.txt "$work/markdown"
        rm -rf build/markdown
        mv "$work/markdown" build/markdown
        echo "$key" > build/markdown.key
    fi
    PYTHONPATH=build/markdown "$PYTHON" -s -B docs/build.py "$1" || fail "the pages of docs/ could not be made (the reason is above)"
}

# --- The package ----------------------------------------------------------------------------------------------------

assemble() {
    local stage=$work/$app strays
    strays=$(find app bin default lookups -name __pycache__ -prune -o \( -name '.?*' -o -name local -o -name local.meta \
        -o -name '*.py[co]' -o -name '*.so' -o -name '*.pyd' -o -name '*~' -o -name '* *' -o -type l \) -print)
    [[ -z $strays ]] || fail "these must not be in a package, remove them: ${strays//$'\n'/ }"
    mkdir "$stage"
    cp -R app/. bin default lookups "$stage"
    cp -R build/lib/. "$stage/lib"
    # A dashboard cannot follow its reader's theme, so the view overview opens one of two.
    sed '1s/ theme="light"/ theme="dark"/' default/data/ui/views/overview_light.xml >"$stage/default/data/ui/views/overview_dark.xml"
    help_pages "$stage/appserver/static/help"
    find "$stage" -name __pycache__ -prune -exec rm -r {} +
}

# Sorts the names, sets one owner, and derives modes and times from the contents alone.
pack() {
    "$PYTHON" -B - "$work" "$app" "$1" <<'PYTHON'
import gzip, sys, tarfile, zlib
from pathlib import Path

root, app, target = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with open(target, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed, \
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
    for path in [root / app, *sorted((root / app).rglob("*"))]:
        entry = tarfile.TarInfo(path.relative_to(root).as_posix())
        if path.is_dir():
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        else:
            content = path.read_bytes()
            # Python reuses bytecode as long as the source's size and time are unchanged. So it notices an upgrade
            # only if a changed text also has another time.
            entry.size, entry.mode, entry.mtime = len(content), 0o644, zlib.crc32(content) % 2**30
            with path.open("rb") as source:
                archive.addfile(entry, source)
PYTHON
}

# is_current PACKAGE: whether it is newer than all that it is made of. A folder is new if a file was removed from it.
is_current() {
    [[ -f $1 && -z $(find package.sh SECURITY.md CHANGELOG.md app bin default lookups docs build/*.key \
        -name __pycache__ -prune -o -newer "$1" -print -quit) ]]
}

mkdir -p build dist
work=$(mktemp -d build/package.XXXXXX)
trap 'rm -rf "$work"' EXIT
libraries
read_version
target=dist/$app-$version.tar.gz
if is_current "$target"; then
    echo "package: $target is up to date"
else
    touch "$work/began"  # what changes from here on may not be in the package
    assemble
    pack "$work/packed"
    touch -r "$work/began" "$work/packed"
    mv "$work/packed" "$target"
fi
echo "$target"
