#!/bin/sh
# Adds the address that mdproxy4cs listens on to the loopback interface, unless it is there. The unit runs it as root, so
# that the program itself needs no right to change the network.
set -eu

listen=${MDPROXY4CS_HTTP_LISTEN:-169.254.169.254:39724}
address=${listen%:*}

case $address in
  169.254.*) ;;
  *) exit 0 ;; # loopback, which is always there
esac

is_there() { ip address show dev lo | grep -qF "inet $address/"; }

if is_there; then exit 0; fi
# Somebody else may be adding it at this moment, which makes this fail and is just as good.
if error=$(ip address add "$address/32" dev lo 2>&1) || is_there; then exit 0; fi
echo "mdproxy4cs: cannot add $address to lo: $error" >&2
exit 1
