# bash completion for mdproxy4cs                                             -*- shell-script -*-

_mdproxy4cs() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  # --flag=value comes as three words
  [[ $current == "=" ]] && current=""
  [[ $previous == "=" ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}
  COMPREPLY=()
  case $previous in
    --env-file) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    --timeout) ;;
    --http-listen) ;;
    --admin-listen) ;;
    --config-drive) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    --password-service) mapfile -t COMPREPLY < <(compgen -W "yes no" -- "$current") ;;
    --iname) ;;
    --discovery) mapfile -t COMPREPLY < <(compgen -W "server dhcp networkd dhclient network_manager dhcpcd wicked dns gateway config_drive" -- "$current") ;;
    --server) ;;
    --allow-server) ;;
    --identity) mapfile -t COMPREPLY < <(compgen -W "pinned any" -- "$current") ;;
    --discovery-timeout) ;;
    --confirm-interval) ;;
    --connect-timeout) ;;
    --response-timeout) ;;
    --idle-timeout) ;;
    --request-timeout) ;;
    --transfer-timeout) ;;
    --max-connections) ;;
    --max-requests) ;;
    --max-url) ;;
    --max-header) ;;
    --cache-ttl) ;;
    --cache-size) ;;
    --stale-if-error) ;;
    --allow-host) ;;
    --allow-client) ;;
    --require-token) mapfile -t COMPREPLY < <(compgen -W "no optional yes" -- "$current") ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W "debug info warn error" -- "$current") ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$current") ;;
    --log-file) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "discover status wait get --help --version --env-file --json --timeout --http-listen --admin-listen --config-drive --password-service --iname --discovery --server --allow-server --identity --discovery-timeout --confirm-interval --connect-timeout --response-timeout --idle-timeout --request-timeout --transfer-timeout --max-connections --max-requests --max-url --max-header --cache-ttl --cache-size --stale-if-error --allow-host --allow-client --require-token --log-level --log-format --log-file" -- "$current") ;;
  esac
}
complete -F _mdproxy4cs mdproxy4cs
