#!/bin/bash
# Opens sessions as Goose does, and writes down every line that it hears.
heard="/home/$(id -un)/workspace/heard.$$"
session="S_$$"
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
update() {
  printf '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"%s","update":%s}}\n' \
    "$session" "$1"
}
while IFS= read -r line; do
  printf '%s\n' "$line" >> "$heard"
  [[ $line =~ \"id\":([0-9]+) ]] && id=${BASH_REMATCH[1]}
  case $line in
    *'"method":"initialize"'*) answer '{"agentInfo":{"name":"goose"}}' ;;
    *'"method":"session/new"'*) 
      answer '{"sessionId":"'$session'","_meta":{"extensionResults":[]}}' ;;
    *'"method":"session/load"'*)
      [[ $line =~ \"sessionId\":\"([A-Za-z0-9_]+)\" ]] && session=${BASH_REMATCH[1]}
      answer '{}' ;;
    *'"method":"session/set_mode"'*)
      update '{"sessionUpdate":"current_mode_update","currentModeId":"auto"}'
      answer '{}' ;;
    *'"method":"session/prompt"'*)
      update '{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"hi"}}'
      answer '{"stopReason":"end_turn"}' ;;
    *) answer '{}' ;;
  esac
done
