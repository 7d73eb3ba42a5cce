//! A Goose that breaks every rule: what the frontend and the system see of it.

#![allow(clippy::unwrap_used, reason = "a test file")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use gaggle_ipc::ModelName;
use gaggle_ipc::launch::LaunchStep;
use gaggle_ipc::session::{FailureKind, FromWorker, ToWorker, TurnEnd};
use support::{Lab, Played, thread};

/// An agent that opens sessions as Goose does and then does `act`.
const AGENT: &str = r#"#!/bin/bash
[ "$1" = acp ] || exit 9
say() { printf '%s\n' "$1"; }
answer() { say '{"jsonrpc":"2.0","id":'"$id"',"result":'"$1"'}'; }
update() { say '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"S_1","update":'"$1"'}}'; }
act() { :; }
name=goose; mode=auto; extensions='[]'; options='[]'
ACT
while IFS= read -r line; do
  [[ $line =~ \"id\":([0-9]+) ]] && id=${BASH_REMATCH[1]}
  case $line in
    *'"method":"initialize"'*) answer '{"agentInfo":{"name":"'$name'"}}' ;;
    *'"method":"session/new"'*) answer '{"sessionId":"S_1","_meta":{"extensionResults":'"$extensions"'}}' ;;
    *'"method":"session/load"'*) answer '{}' ;;
    *working-dir*) answer '{}' ;;
    *set_config_option*) answer '{"configOptions":'"$options"'}' ;;
    *set_mode*) update '{"sessionUpdate":"current_mode_update","currentModeId":"'$mode'"}'; answer '{}' ;;
    *'"method":"session/prompt"'*) act; answer '{"stopReason":"end_turn"}' ;;
  esac
done
"#;

fn lab_with(act: &str) -> Lab {
    let mut lab = Lab::new();
    let agent = lab.programs().join("goose");
    fs::write(&agent, AGENT.replace("ACT", act)).unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    lab.set("GAGGLE_GOOSE", agent);
    lab
}

async fn play_with(act: &str) -> Played {
    let lab = lab_with(act);
    let mut worker = lab.start().await;
    let played = worker.play(thread('a'), "hello").await;
    assert!(worker.hang_up().await.success(), "the worker outlives its agent");
    played
}

const CHUNK: &str =
    r#"update '{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"hi"}}'"#;

#[tokio::test]
async fn the_agent_of_these_tests_can_behave() {
    let played = play_with(&format!("act() {{ {CHUNK}; }}")).await;
    assert_eq!((played.answer().as_str(), played.end()), ("hi", &TurnEnd::Complete));
}

#[tokio::test]
async fn a_line_without_end_is_cut_off() {
    let lab = lab_with("act() { tr '\\0' x < /dev/zero; }");
    let mut worker = lab.start().await;
    let played = worker.play(thread('a'), "hello").await;
    assert_eq!(played.failure().kind, FailureKind::Protocol);
    assert!(support::peak_memory(worker.child.id()) < 120 * 1024 * 1024);
}

#[tokio::test]
async fn bytes_that_are_no_text_end_the_turn_and_never_reach_the_frontend() {
    let played = play_with(r"act() { printf '\xff\xfe\n'; }").await;
    assert_eq!(played.failure().kind, FailureKind::Protocol);
}

#[tokio::test]
async fn noise_between_the_lines_is_passed_over() {
    let noise = r#"say ''; say 'null'; say '[]'; say '{"id":99,"result":{}}'; say '{"id":"'$id'","result":{}}'"#;
    let other = r#"say '{"method":"session/update","params":{"sessionId":"S_2","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"forged"}}}}'"#;
    let unknown = r#"update '{"sessionUpdate":"from_the_future"}'"#;
    let act = format!("act() {{ {noise}; {other}; {unknown}; {CHUNK}; }}");
    let played = play_with(&act).await;
    assert_eq!((played.answer().as_str(), played.end()), ("hi", &TurnEnd::Complete));
}

#[tokio::test]
async fn questions_for_files_and_terminals_are_answered_with_a_refusal() {
    let act = r#"act() {
      for method in fs/read_text_file fs/write_text_file terminal/create made/up; do
        say '{"jsonrpc":"2.0","id":"q","method":"'$method'","params":{"sessionId":"S_1","path":"'PLACE'/secret","content":"x","command":"touch 'PLACE'/done"}}'
        IFS= read -r reply; printf '%s\n' "$reply" >> "PLACE/replies"
      done
    }"#;
    // Goose's home, where the agent starts, is not its to write in.
    let lab = lab_with(&act.replace("PLACE", "$GAGGLE_HOME/workspace"));
    let mut worker = lab.start().await;
    fs::write(lab.workspace().join("secret"), "s3cret").unwrap();
    worker.play(thread('a'), "hello").await;
    let replies = fs::read_to_string(lab.workspace().join("replies")).unwrap();
    assert_eq!(replies.matches("-32601").count(), 4, "{replies}");
    assert!(!replies.contains("s3cret"));
    assert_eq!(fs::read_to_string(lab.workspace().join("secret")).unwrap(), "s3cret");
    assert!(!lab.workspace().join("done").exists());
}

#[tokio::test]
async fn an_agent_deaf_to_a_cancel_is_killed() {
    let lab = lab_with(&format!("act() {{ trap '' TERM INT; {CHUNK}; sleep 1000; }}"));
    let mut worker = lab.start().await;
    let turn = worker.prompt(thread('a'), "hello").await;
    worker.until(|m| matches!(m, FromWorker::Delta { .. })).await;
    worker.send(ToWorker::Cancel { thread: thread('a'), turn }).await;
    // Another person's thread is served meanwhile.
    let other = worker.prompt(thread('b'), "hello").await;
    worker.send(ToWorker::Cancel { thread: thread('b'), turn: other }).await;
    let mut ended = 0;
    while ended < 2 {
        if let Some(FromWorker::TurnEnded { end, .. }) = worker.receive().await {
            assert_eq!(end, TurnEnd::Cancelled);
            ended += 1;
        }
    }
}

#[tokio::test]
async fn an_agent_that_floods_cannot_keep_a_cancel_from_being_heard() {
    let lab = lab_with(&format!("act() {{ while :; do {CHUNK}; done; }}"));
    let mut worker = lab.start().await;
    let turn = worker.prompt(thread('a'), "hello").await;
    worker.until(|m| matches!(m, FromWorker::Delta { .. })).await;
    worker.send(ToWorker::Cancel { thread: thread('a'), turn }).await;
    assert_eq!(*worker.end_of(turn).await.end(), TurnEnd::Cancelled);
}

#[tokio::test]
async fn an_agent_that_closes_its_output_has_crashed() {
    let played = play_with("act() { exec >&-; sleep 1000; }").await;
    assert_eq!(played.failure().kind, FailureKind::GooseCrashed);
}

#[tokio::test]
async fn the_last_words_of_an_agent_are_kept_and_cut() {
    let act = "act() { head -c 10000000 /dev/zero | tr '\\0' e >&2; echo 'the end' >&2; exit 3; }";
    let played = play_with(act).await;
    let failure = played.failure();
    assert_eq!(failure.kind, FailureKind::GooseCrashed);
    let detail = failure.detail.as_str();
    assert!(detail.contains("exit status: 3") && detail.ends_with("the end"), "{detail}");
    assert!(!failure.may_have_acted, "it never took the prompt up");
}

#[tokio::test]
async fn an_agent_of_another_name_is_not_used() {
    assert_eq!(play_with("name=other").await.failure().kind, FailureKind::Protocol);
}

#[tokio::test]
async fn a_mode_that_is_not_confirmed_is_no_mode() {
    let played = play_with("mode=approve").await;
    assert_eq!(played.failure().kind, FailureKind::ModeRefused);
    assert!(!played.failure().may_have_acted);
    assert!(!played.messages.iter().any(|m| matches!(m, FromWorker::TurnStarted { .. })));
}

#[tokio::test]
async fn a_mode_that_is_left_in_the_middle_ends_the_turn() {
    let left = r#"update '{"sessionUpdate":"current_mode_update","currentModeId":"approve"}'"#;
    let played = play_with(&format!("act() {{ {CHUNK}; {left}; sleep 100; }}")).await;
    assert_eq!(played.failure().kind, FailureKind::ModeRefused);
    assert!(played.failure().may_have_acted);
    let same = left.replace("approve", "auto");
    let played = play_with(&format!("act() {{ {CHUNK}; {same}; }}")).await;
    assert_eq!(*played.end(), TurnEnd::Complete, "the control");
}

#[tokio::test]
async fn a_model_that_is_not_confirmed_is_not_asked() {
    let with = |model: &str| {
        format!(r#"act() {{ {CHUNK}; }}; options='[{{"id":"model","currentValue":"{model}"}}]'"#)
    };
    for (model, end) in [("other", Some(FailureKind::ModelRefused)), ("wanted", None)] {
        let lab = lab_with(&with(model));
        let mut worker = lab.start().await;
        worker.model = Some(ModelName::new("wanted").unwrap());
        let played = worker.play(thread('a'), "hello").await;
        match end {
            Some(kind) => assert_eq!(played.failure().kind, kind),
            None => assert_eq!(*played.end(), TurnEnd::Complete, "the control"),
        }
    }
}

#[tokio::test]
async fn an_extension_that_was_planted_is_told() {
    let act =
        r#"extensions='[{"name":"developer","success":true},{"name":"evil","success":true}]'"#;
    let played = play_with(act).await;
    let told: Vec<_> = played
        .messages
        .iter()
        .filter_map(|m| match m {
            FromWorker::Notice { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 1);
    assert!(told.iter().all(|text| text.contains("\"evil\"")), "{told:?}");
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_built_is_told_with_its_step() {
    let lab = lab_with("");
    let mut worker = lab.start().await;
    fs::remove_dir(lab.programs().join("goose-home")).unwrap();
    let played = worker.play(thread('a'), "hello").await;
    let failure = played.failure();
    assert_eq!(failure.kind, FailureKind::SandboxRefused);
    let detail = failure.detail.as_str();
    let status = LaunchStep::WorkerPrograms.exit_status().to_string();
    assert!(detail.contains(&status) && detail.contains("goose-home"), "{detail}");
}

#[tokio::test]
async fn a_termination_drains() {
    let lab = lab_with("act() { sleep 1; }");
    let mut worker = lab.start().await;
    let turn = worker.prompt(thread('a'), "hello").await;
    worker.until(|m| matches!(m, FromWorker::TurnStarted { .. })).await;
    let pid = worker.child.id().to_string();
    assert!(std::process::Command::new("kill").arg(&pid).status().unwrap().success());
    assert_eq!(worker.end_of(turn).await.failure().kind, FailureKind::EmptyAnswer);
    assert!(worker.exit().await.success());
}

#[tokio::test]
async fn an_agent_inherits_its_pipes_and_a_fixed_environment() {
    let act = "env | cut -d= -f1 | sort > $GAGGLE_HOME/workspace/names; \
               for fd in /proc/$$/fd/*; do readlink $fd; done > $GAGGLE_HOME/workspace/open; umask >> $GAGGLE_HOME/workspace/names";
    let lab = lab_with(act);
    let mut worker = lab.start().await;
    worker.play(thread('a'), "hello").await;
    let open = fs::read_to_string(lab.workspace().join("open")).unwrap();
    let script = lab.programs().join("goose").canonicalize().unwrap().display().to_string();
    // The shell holds its script, and what its loop writes to.
    let strange: Vec<&str> = open
        .lines()
        .filter(|link| !link.starts_with("pipe:") && *link != script)
        .filter(|link| !link.ends_with("/workspace/open") && !link.starts_with("/dev/"))
        .collect();
    assert!(strange.is_empty() && open.contains("pipe:"), "{open}");
    let names = fs::read_to_string(lab.workspace().join("names")).unwrap();
    let expected = "GAGGLE_CACHE GAGGLE_HIDE GAGGLE_HOME GAGGLE_PATH GAGGLE_THREAD_FILE GOOSE_DISABLE_KEYRING \
         GOOSE_DISABLE_SESSION_NAMING GOOSE_MODE GOOSE_MODEL GOOSE_PROVIDER GOOSE_SHELL \
         GOOSE_TELEMETRY_OFF HOME LANG LOGNAME OPENAI_API_KEY OPENAI_HOST PATH PWD SHELL SHLVL \
         TMPDIR USER XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME _ 0077";
    let mut names: Vec<&str> = names.lines().collect();
    let mut expected: Vec<&str> = expected.split_whitespace().collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn waiting_turns_of_a_thread_are_bounded() {
    let lab = lab_with("act() { sleep 1000; }");
    let mut worker = lab.start().await;
    worker.prompt(thread('a'), "hello").await;
    worker.until(|m| matches!(m, FromWorker::TurnStarted { .. })).await;
    for _ in 0..40 {
        worker.prompt(thread('a'), "and").await;
    }
    let refused = worker.until(|m| matches!(m, FromWorker::TurnEnded { .. })).await;
    assert_eq!(refused.failure().kind, FailureKind::TooManyThreads);
    // Closing the thread ends the running turn and all that wait.
    worker.send(ToWorker::CloseThread { thread: thread('a') }).await;
    let anew = worker.prompt(thread('a'), "anew").await;
    let cancelled = |m: &FromWorker| matches!(m, FromWorker::TurnEnded { turn, end: TurnEnd::Cancelled, .. } if turn.0 == 1);
    worker.until(cancelled).await;
    let starts =
        |m: &FromWorker| matches!(m, FromWorker::TurnStarted { turn, .. } if *turn == anew);
    worker.until(starts).await;
}
