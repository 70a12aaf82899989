#!/bin/sh
# Checks this package with tools that CryptoPay had no hand in. In its folder: sh verify.sh [public-key.pem]
#
# Give the public key as the merchant's installation publishes it (/.well-known/cryptopay-period-key.pem), fetched by
# yourself: without it, the key in the package stands for itself alone.
#
# Exit status: 0 all that could be run agrees; 1 something is wrong; 2 the signature or the sums could not be checked.
LC_ALL=C.UTF-8
BEANCOUNT_DISABLE_LOAD_CACHE=1
export LC_ALL BEANCOUNT_DISABLE_LOAD_CACHE
case ${1:-} in
  "") key=public-key.pem ;;
  /*) key=$1 ;;
  *) key=$PWD/$1 ;;
esac
case $0 in */*) cd "${0%/*}" || exit 2 ;; esac
wrong=0
unknown=0

ok() { echo "ok       $1"; }
bad() { echo "WRONG    $1"; wrong=1; }
not_run() { echo "NOT RUN  $1: $2 is not installed"; }
has() { command -v "$1" >/dev/null 2>&1; }

# Runs a command; what it says is shown if it fails.
check() {
  name=$1
  shift
  if said=$("$@" 2>&1); then ok "$name"; else bad "$name"; echo "$said" | tail -n 20; fi
}

if has openssl; then
  check "signature of manifest.json (Ed25519, key $key)" \
    openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in manifest.json -sigfile manifest.json.sig
  openssl pkey -pubin -in "$key" -outform DER 2>/dev/null | openssl dgst -sha256 | sed 's/.*[ =]/         key\x27s fingerprint: /'
  [ "$#" -gt 0 ] || echo "         compare it with the one the installation publishes, or give its key as an argument"
else
  not_run "signature" openssl
  unknown=1
fi

if has sha256sum; then
  sums=$(sed -n 's/^{"file": "\([A-Za-z0-9._-]*\)", "size": [0-9]*, "sha256": "\([0-9a-f]\{64\}\)"},\{0,1\}$/\2  \1/p' manifest.json)
  if [ -n "$sums" ] && said=$(echo "$sums" | sha256sum --check --strict --quiet - 2>&1); then
    ok "SHA-256 of each file in manifest.json"
  else
    bad "SHA-256 of each file in manifest.json"
    echo "$said"
  fi
  for file in *; do
    case $file in manifest.json | manifest.json.sig) continue ;; esac
    [ "$file" -ef "$key" ] && [ "$#" -gt 0 ] && continue # it was fetched to this folder
    echo "$sums" | grep -q "  $file\$" || bad "$file is not in manifest.json"
  done
else
  not_run "SHA-256" sha256sum
  unknown=1
fi

# Entries balance in what they were worth: that the coins do, too, is said by the last line of all balances.
adds_up() {
  name=$1
  shift
  total=$("$@" 2>/dev/null | tail -n 1 | tr -d ' ')
  if [ "$total" = 0 ]; then ok "$name"; else bad "$name: $total"; fi
}

if has hledger; then
  check "journal.hledger (hledger check --strict)" hledger -f journal.hledger check --strict
  adds_up "journal.hledger (all balances together are 0)" hledger -f journal.hledger balance
else
  not_run "journal.hledger" hledger
fi
if has ledger; then
  check "journal.ledger (ledger --pedantic)" ledger --args-only -f journal.ledger --strict --pedantic --explicit balance
  adds_up "journal.ledger (all balances together are 0)" ledger --args-only -f journal.ledger balance
else
  not_run "journal.ledger" "ledger (ledger-cli)"
fi
if has bean-check; then
  check "journal.beancount (bean-check)" bean-check journal.beancount
else
  not_run "journal.beancount" "bean-check (beancount)"
fi
if has python3; then
  check "chain.txt (verifying.py, a program to be read, with Python's own library)" python3 -I verifying.py chain.txt
else
  not_run "chain.txt" python3
fi

if [ "$wrong" -ne 0 ]; then echo "This package is not what was signed, or not sound."; exit 1; fi
if [ "$unknown" -ne 0 ]; then echo "What could be run agrees; the signature or the sums could not be checked."; exit 2; fi
echo "All that could be run agrees."
