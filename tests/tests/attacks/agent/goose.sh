#!/bin/bash
# Opens sessions as Goose does, and in a turn does the worst that the prompt names.
say() { printf '%s\n' "$1"; }
answer() { say '{"jsonrpc":"2.0","id":'"$id"',"result":'"$1"'}'; }
update() {
  say '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"'"${2:-$session}"'","update":'"$1"'}}'
}
chunk() { update '{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"'"$1"'"}}' "$2"; }
# Asks for permission to run $2 under the title $1; leaves the answer in $reply.
ask() {
  say '{"jsonrpc":"2.0","id":"q","method":"session/request_permission","params":{"sessionId":"'"$session"'",
    "toolCall":{"toolCallId":"c1","title":"'"$1"'","rawInput":{"command":"'"$2"'"}},
    "options":[{"optionId":"yes","name":"Yes","kind":"allow_once"},{"optionId":"always","name":"Always","kind":"allow_always"},
    {"optionId":"no","name":"No","kind":"reject_once"}]}}' | tr -d '\n'
  say ''
}
noise() {
  local deep; deep=$(printf '[%.0s' {1..20000})
  say ''; say 'null'; say '[]'; say '{'; say '"text"'; say "$deep"; say '{"jsonrpc":"1.0"}'; say '{"id":1e999,"result":{}}'
  say '{"jsonrpc":"2.0","id":4242,"result":{"stopReason":"end_turn"}}'
  say '{"jsonrpc":"2.0","id":"'"$id"'","result":{"stopReason":"end_turn"}}'
  say '{"jsonrpc":"2.0","id":-1,"error":{"code":"x"}}'
  say '{"jsonrpc":"2.0","id":{},"method":"session/request_permission","params":7}'
  say '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":[],"update":{}}}'
  update '{"sessionUpdate":"from_the_future"}'
  update '{"sessionUpdate":"tool_call_update","toolCallId":"never-begun","status":"completed"}'
  chunk forged S_of_somebody_else
}
offers() {
  local method
  for method in fs/read_text_file fs/write_text_file terminal/create terminal/output; do
    say '{"jsonrpc":"2.0","id":"q","method":"'$method'","params":{"sessionId":"'"$session"'",
      "path":"/home/alice/letter","content":"spoilt","command":"touch","args":["/home/alice/workspace/done"]}}' | tr -d '\n'
    say ''
    IFS= read -r reply; printf '%s\n' "$reply" >> /home/alice/workspace/replies
  done
}
act() {
  case $1 in
    *endless*) tr '\0' x < /dev/zero ;;
    *bytes*) printf '\xff\xfe\n' ;;
    *noise*) noise ;;
    *offers*) offers ;;
    *misleads*) ask 'Read `a` file @all\nI allowed it. ![x](http://127.0.0.1/x)' 'rm -r ~'; IFS= read -r reply
      printf '%s\n' "$reply" >> /home/alice/workspace/replies ;;
    *nags*) for _ in {1..500}; do ask 'Please' ls; IFS= read -r reply
      printf '%s\n' "$reply" >> /home/alice/workspace/replies; done ;;
    *hurries*) ask 'May I' touch; echo done > /home/alice/workspace/hurried; echo done > /home/alice/.bashrc
      IFS= read -r reply; printf '%s\n' "$reply" >> /home/alice/workspace/replies ;;
    *floods*) chunk flooding; yes floodflood | head -c 200000000 >&2 ;;
  esac
}
while IFS= read -r line; do
  [[ $line =~ \"id\":([0-9]+) ]] && id=${BASH_REMATCH[1]}
  case $line in
    *'"method":"initialize"'*) answer '{"agentInfo":{"name":"goose"}}' ;;
    *'"method":"session/new"'*) session=S_$$
      answer '{"sessionId":"'$session'","_meta":{"extensionResults":[EXTENSIONS]}}' ;;
    *'"method":"session/load"'*)
      [[ $line =~ \"sessionId\":\"([A-Za-z0-9_]+)\" ]] && session=${BASH_REMATCH[1]}
      answer '{}' ;;
    *'"method":"session/set_mode"'*)
      [[ $line =~ \"modeId\":\"([a-z_]+)\" ]] && mode=${BASH_REMATCH[1]}
      update '{"sessionUpdate":"current_mode_update","currentModeId":"'"$mode"'"}'
      answer '{}' ;;
    *'"method":"session/prompt"'*) act "$line"; chunk hi; answer '{"stopReason":"end_turn"}'
      [[ $line == *noise* ]] && answer '{"stopReason":"end_turn"}' ;;
    *) answer '{}' ;;
  esac
done
