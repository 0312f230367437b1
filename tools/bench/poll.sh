# poll.sh HOST PORT PATH: asks every millisecond until the answer is 200 and has a body. Prints "ready", then a line of JSON: when
# a connection was first accepted, and when the first byte of that body came, in seconds since 1970.
trap '' PIPE
echo ready
for ((asked = 0;; asked++)); do
  if exec 3<>"/dev/tcp/$1/$2"; then
    accepted=${accepted:-$EPOCHREALTIME}
    # A query that is new each time has nobody answer from what was kept.
    printf 'GET %s?%s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n' "$3" "$accepted-$asked" "$1" "$2" >&3
    IFS= read -r status <&3
    while IFS= read -r field <&3 && [ "$field" != $'\r' ]; do :; done
    if [[ $status == "HTTP/1.1 200"* ]] && IFS= read -r -N 1 _ <&3; then
      echo "{\"acceptedAt\":$accepted,\"answeredAt\":$EPOCHREALTIME}"
      exit
    fi
    exec 3>&-
  fi 2>/dev/null
  read -r -t 0.001 # its standard input stays open and says nothing
done
