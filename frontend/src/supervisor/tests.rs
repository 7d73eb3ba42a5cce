//! Against a control socket that answers as it likes.

use gaggle_ipc::codec;
use gaggle_ipc::control::{ControlReply, ControlRequest};
use gaggle_ipc::seqpacket;
use tokio::io::Interest;
use tokio::net::UnixListener;

use super::*;

fn alice() -> MattermostUserId {
    MattermostUserId::new(&"a".repeat(26)).unwrap()
}

/// Answers each request on each connection with the bytes that `reply` makes.
fn listen(path: &std::path::Path, reply: impl Fn(u32) -> Vec<Vec<u8>> + Send + 'static) {
    let listener = seqpacket::listen_at(path).unwrap();
    let listener = UnixListener::from_std(listener.into()).unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let packet = socket
                .async_io(Interest::READABLE, || Ok(seqpacket::receive(&socket, 512)?))
                .await
                .unwrap();
            let request = match codec::decode(&packet.bytes, 512).unwrap() {
                ControlRequest::Start { request, .. } => request,
                other => panic!("{other:?}"),
            };
            for frame in reply(request) {
                seqpacket::send(&socket, &frame, None).unwrap();
            }
        }
    });
}

async fn start_against(reply: impl Fn(u32) -> Vec<Vec<u8>> + Send + 'static) -> StartError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    listen(&path, reply);
    Supervisor::connect(path).start(alice()).await.unwrap_err()
}

#[tokio::test]
async fn another_release_is_named_with_what_to_do() {
    let error = start_against(|_| vec![vec![codec::VERSION + 1, 0, 0]]).await;
    assert_eq!(error, StartError::Version(codec::VERSION + 1));
    assert!(error.to_string().contains("restart both Gaggle services"));
    let closing = ControlReply::Closing { reason: Closing::Version(9) };
    let error = start_against(move |_| vec![codec::encode(&closing).unwrap()]).await;
    assert_eq!(error, StartError::Version(9));
}

#[tokio::test]
async fn a_supervisor_that_serves_somebody_else_says_so() {
    let closing = ControlReply::Closing { reason: Closing::PeerNotAllowed };
    let error = start_against(move |_| vec![codec::encode(&closing).unwrap()]).await;
    assert_eq!(error, StartError::Closed(Closing::PeerNotAllowed));
}

#[tokio::test]
async fn an_answer_to_nobodys_question_changes_nothing() {
    let refused = |request, code: RefusalCode| {
        codec::encode(&ControlReply::Refused { request, refusal: code.into() }).unwrap()
    };
    let error = start_against(move |request| {
        let other = refused(request + 7, RefusalCode::Lockdown);
        vec![other, refused(request, RefusalCode::AccountExpired)]
    })
    .await;
    assert_eq!(error, StartError::Refused(RefusalCode::AccountExpired.into()));
}

#[tokio::test(start_paused = true)]
async fn nobody_there_is_reported_after_a_while() {
    let supervisor = Supervisor::connect(PathBuf::from("/nonexistent/control.sock"));
    assert_eq!(supervisor.start(alice()).await.unwrap_err(), StartError::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn a_start_without_its_descriptor_is_none() {
    let started = |request| ControlReply::Started {
        request,
        worker: WorkerId(1),
        account: AccountName::new("alice").unwrap(),
        profile: Profile::Workspace,
        shared: false,
    };
    let error = start_against(move |request| vec![codec::encode(&started(request)).unwrap()]).await;
    assert_eq!(error, StartError::Unreachable);
}

#[tokio::test]
async fn a_stop_meant_for_an_earlier_supervisors_worker_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let refusal = RefusalCode::AccountExpired.into();
    listen(&path, move |request| {
        vec![codec::encode(&ControlReply::Refused { request, refusal }).unwrap()]
    });
    let supervisor = Supervisor::connect(path);
    // This one may have given the number to somebody else.
    supervisor.stop(WorkerId(7)).await;
    // The first request that arrives is this, or the listener ends.
    assert_eq!(supervisor.start(alice()).await.unwrap_err(), StartError::Refused(refusal));
}
