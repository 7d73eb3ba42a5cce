//! The wire as an attacker and as the next release sees it: golden bytes that
//! must not change unnoticed, round trips, and hostile frames that must be
//! refused without a panic, a hang or an allocation beyond the frame limit.

// Helpers may stop a test like its own body may.
#![allow(clippy::unwrap_used, clippy::panic)]

use gaggle_ipc::admin::{AdminReply, AdminRequest, Entry, Summary};
use gaggle_ipc::codec::{Decode, Encode, FrameError, MAX_FRAME, MAX_REQUEST, decode, encode};
use gaggle_ipc::control::{ControlReply, ControlRequest, Refusal, RefusalCode, WorkerExit};
use gaggle_ipc::files::{Chunk, Fate, FileNews, FileOrder, FilePlace, FileRefusal, ImageKind};
use gaggle_ipc::launch::{LaunchStep, Profile};
use gaggle_ipc::session::{
    Before, Cost, DeltaKind, Failure, FailureKind, FromWorker, GooseMode, Hello, History,
    ProbeOutcome, Settings, ToWorker, TurnEnd,
};
use gaggle_ipc::{
    AccountName, GooseSession, MattermostUserId, ModelName, Text, ThreadId, TurnId, WorkerId,
};
use proptest::prelude::*;

const ID: &str = "zo3yx6gsxbf8ppuaojzhiaj1yw";

fn user() -> MattermostUserId {
    MattermostUserId::new(ID).unwrap()
}

fn thread() -> ThreadId {
    ThreadId::new(ID).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The id as it stands in every vector.
const ID_HEX: &str = "7a6f33797836677378626638707075616f6a7a6869616a317977";

#[test]
fn golden_vectors() {
    let cases: Vec<(Vec<u8>, String)> = vec![
        (
            encode(&ControlRequest::Start { request: 7, user: user() }).unwrap(),
            format!("010000000007000000{ID_HEX}"),
        ),
        (
            encode(&ControlRequest::Stop { request: 8, worker: WorkerId(258) }).unwrap(),
            "0101000000080000000201000000000000".into(),
        ),
        (encode(&ControlRequest::List { request: 9 }).unwrap(), "010200000009000000".into()),
        (
            encode(&ControlReply::Refused {
                request: 7,
                refusal: Refusal {
                    code: RefusalCode::LaunchFailed,
                    step: Some(LaunchStep::HomeMissing),
                    errno: 2,
                },
            })
            .unwrap(),
            "0102000000070000000d000000010f02000000".into(),
        ),
        (encode(&AdminRequest::Reload).unwrap(), "0101000000".into()),
        (encode(&AdminRequest::Lockdown { on: true }).unwrap(), "010300000001".into()),
        (encode(&ToWorker::Probe).unwrap(), "0107000000".into()),
        (
            encode(&ToWorker::Prompt {
                thread: thread(),
                turn: TurnId(1),
                resume: Some(GooseSession::new("20261120_1").unwrap()),
                before: Before::Interrupted,
                mode: GooseMode::Chat,
                model: Some(ModelName::new("gpt-4o").unwrap()),
            })
            .unwrap(),
            format!(
                "0102000000{ID_HEX}0100000000000000010a00000000000000323032363131\
                 32305f3101000000 03000000010600000000000000 6770742d346f"
            )
            .replace(' ', ""),
        ),
        (
            encode(&FromWorker::Delta {
                thread: thread(),
                turn: TurnId(1),
                kind: DeltaKind::Answer,
                text: Text::new("hé").unwrap(),
            })
            .unwrap(),
            format!("0103000000{ID_HEX}010000000000000000000000030000000000000068c3a9"),
        ),
        (
            encode(&FromWorker::Spent {
                thread: thread(),
                turn: TurnId(1),
                input: 1000,
                output: 20,
                cost: Some(Cost { nanos: 7, currency: Text::new("USD").unwrap() }),
            })
            .unwrap(),
            format!(
                "010c000000{ID_HEX}0100000000000000 e803000000000000 1400000000000000\
                 01 0700000000000000 0300000000000000 555344"
            )
            .replace(' ', ""),
        ),
        (
            encode(&ToWorker::File {
                thread: thread(),
                turn: TurnId(1),
                file: 2,
                order: FileOrder::Store { name: Text::new("a").unwrap(), size: 3 },
            })
            .unwrap(),
            format!(
                "0108000000{ID_HEX}0100000000000000020000000000000001000000000000006103\
                 00000000000000"
            ),
        ),
        (
            encode(&FromWorker::File {
                thread: thread(),
                turn: TurnId(1),
                file: 2,
                news: FileNews::Refused(FileRefusal::System(28)),
            })
            .unwrap(),
            format!("010d000000{ID_HEX}010000000000000002000000070000000f0000001c000000"),
        ),
    ];
    for (bytes, golden) in cases {
        assert_eq!(hex(&bytes), golden);
    }
}

fn round_trip<M: Encode + Decode<()> + PartialEq + std::fmt::Debug>(message: &M) {
    let frame = encode(message).unwrap();
    assert_eq!(&decode::<M>(&frame, MAX_FRAME).unwrap(), message);
    for cut in 0..frame.len() {
        assert!(decode::<M>(&frame[..cut], MAX_FRAME).is_err(), "cut at {cut}");
    }
    let mut longer = frame.clone();
    longer.push(0);
    assert_eq!(decode::<M>(&longer, MAX_FRAME), Err(FrameError::Trailing));
    let mut other = frame;
    other[0] = other[0].wrapping_add(1);
    assert!(matches!(decode::<M>(&other, MAX_FRAME), Err(FrameError::Version(_))));
}

#[test]
fn round_trips_and_every_cut_is_refused() {
    round_trip(&ControlRequest::Start { request: 1, user: user() });
    round_trip(&ControlReply::Started {
        request: 1,
        worker: WorkerId(3),
        account: AccountName::new("alice").unwrap(),
        profile: Profile::Full,
        shared: true,
    });
    round_trip(&ControlReply::Workers { request: 1, workers: vec![WorkerId(1), WorkerId(2)] });
    round_trip(&ControlReply::Exited {
        worker: WorkerId(1),
        exit: WorkerExit::SandboxRefused(LaunchStep::LandlockFloor),
    });
    round_trip(&AdminReply::Summary(Summary {
        version: Text::new("0.1.0").unwrap(),
        started: 5,
        landlock_abi: 7,
        landlock_floor: 3,
        frontend_connected: true,
        journal: true,
        stale: Some(Text::new("line 3").unwrap()),
        lockdown: true,
        missing_controllers: Text::new("memory cpu").unwrap(),
    }));
    round_trip(&AdminReply::Entry(Entry {
        key: Text::new(ID).unwrap(),
        account: Text::new("alice").unwrap(),
        profile: Some(Profile::Workspace),
        problem: None,
    }));
    round_trip(&AdminRequest::Probe { user: user() });
    round_trip(&AdminReply::Probing {
        worker: WorkerId(9),
        account: AccountName::new("alice").unwrap(),
        profile: Profile::Workspace,
        shared: false,
    });
    round_trip(&AdminReply::Refused(RefusalCode::CrashLoop.into()));
    round_trip(&AdminReply::LockedDown { on: true, stopped: 3 });
    round_trip(&FromWorker::Probed {
        attack: Text::new("ptrace_worker").unwrap(),
        outcome: ProbeOutcome::Held,
        detail: Text::new("EPERM").unwrap(),
    });
    round_trip(&ToWorker::Configure(Settings { inactivity_ms: 1, idle_ms: 2, spare: true }));
    round_trip(&ToWorker::PromptPart {
        thread: thread(),
        turn: TurnId(u64::MAX),
        text: Text::new("x".repeat(300)).unwrap(),
    });
    round_trip(&FromWorker::Hello(Hello { landlock_abi: 7, workspace: Text::new("/w").unwrap() }));
    for model in [None, Some(ModelName::new("org/model:tag").unwrap())] {
        round_trip(&ToWorker::Prompt {
            thread: thread(),
            turn: TurnId(2),
            resume: None,
            before: Before::Complete,
            mode: GooseMode::SmartApprove,
            model: model.clone(),
        });
        round_trip(&FromWorker::ThreadReady {
            thread: thread(),
            session: GooseSession::new("20261120_1").unwrap(),
            history: History::Resumed,
            model,
        });
    }
    for cost in [None, Some(Cost { nanos: 2_700_000, currency: Text::new("USD").unwrap() })] {
        let (thread, turn) = (thread(), TurnId(3));
        round_trip(&FromWorker::Spent { thread, turn, input: 1000, output: u64::MAX, cost });
    }
    round_trip(&FromWorker::TurnEnded {
        thread: thread(),
        turn: TurnId(4),
        end: TurnEnd::Failed(Failure {
            kind: FailureKind::Inactive,
            detail: Text::new("no word for 600 s").unwrap(),
            may_have_acted: true,
        }),
    });
}

#[test]
fn every_word_about_a_file_survives_the_wire() {
    let name = Text::new("report.pdf").unwrap();
    let chunk = Chunk::new(vec![7; 100]).unwrap();
    for order in [
        FileOrder::Store { name: name.clone(), size: u64::MAX },
        FileOrder::Bytes(chunk.clone()),
        FileOrder::Whole,
        FileOrder::List { most: 32 },
        FileOrder::Read {
            place: FilePlace::Workspace,
            path: Text::new("a/b").unwrap(),
            max: 1 << 40,
        },
        FileOrder::Room { chunks: 8 },
        FileOrder::SetAside { name: name.clone(), fate: Fate::NotSent },
        FileOrder::Stop,
    ] {
        round_trip(&ToWorker::File { thread: thread(), turn: TurnId(1), file: 9, order });
    }
    round_trip(&ToWorker::PromptImage { thread: thread(), turn: TurnId(1), name: name.clone() });
    for news in [
        FileNews::Room { chunks: 1 },
        FileNews::Stored { name: name.clone(), path: Text::new("/w/report.pdf").unwrap() },
        FileNews::Offered { name: name.clone(), size: 5, stamp: 6 },
        FileNews::Unfit { name: name.clone(), why: FileRefusal::Link },
        FileNews::Opened { name, size: 5, image: Some(ImageKind::Webp) },
        FileNews::Bytes(chunk),
        FileNews::Ended,
        FileNews::Refused(FileRefusal::Quota),
    ] {
        round_trip(&FromWorker::File { thread: thread(), turn: TurnId(1), file: 9, news });
    }
    round_trip(&FromWorker::OutboxFilled { thread: thread(), turn: TurnId(1) });
}

#[test]
fn a_piece_of_nothing_or_of_too_much_is_refused() {
    let order = FileOrder::Bytes(Chunk::new(vec![1]).unwrap());
    let good = encode(&order).unwrap();
    assert_eq!(decode::<FileOrder>(&good, MAX_FRAME), Ok(order));
    for size in [0, Chunk::MAX + 1] {
        let mut frame = good.clone();
        frame.truncate(5);
        frame.extend((size as u64).to_le_bytes());
        frame.extend(vec![1; size]);
        assert_eq!(decode::<FileOrder>(&frame, MAX_FRAME), Err(FrameError::Malformed), "{size}");
    }
}

#[test]
fn the_largest_messages_fit_a_frame() {
    let message = FromWorker::PermissionAsk {
        thread: thread(),
        turn: TurnId(1),
        ask: 1,
        name: Text::new("n".repeat(128)).unwrap(),
        title: Text::new("t".repeat(512)).unwrap(),
        detail: Text::new("d".repeat(32 * 1024)).unwrap(),
    };
    assert!(encode(&message).unwrap().len() <= MAX_FRAME);
    let bytes = FileOrder::Bytes(Chunk::new(vec![0; Chunk::MAX]).unwrap());
    let message = ToWorker::File { thread: thread(), turn: TurnId(1), file: 1, order: bytes };
    assert!(encode(&message).unwrap().len() <= MAX_FRAME);
    let workers = (0..400).map(WorkerId).collect();
    assert!(encode(&ControlReply::Workers { request: 1, workers }).unwrap().len() <= 4096);
    assert!(
        encode(&ControlRequest::Start { request: 1, user: user() }).unwrap().len() <= MAX_REQUEST
    );
}

#[test]
fn lying_lengths_are_refused_at_once() {
    let good =
        encode(&FromWorker::Hello(Hello { landlock_abi: 7, workspace: Text::default() })).unwrap();
    for length in [u64::MAX, 1 << 40, 1 << 30, 1025, 70_000] {
        let mut frame = good.clone();
        let at = frame.len() - 8;
        frame[at..].copy_from_slice(&length.to_le_bytes());
        assert_eq!(decode::<FromWorker>(&frame, MAX_FRAME), Err(FrameError::Malformed));
    }
}

#[test]
fn text_and_ids_are_checked_when_decoded() {
    let frame = encode(&ControlRequest::Start { request: 1, user: user() }).unwrap();
    for (at, byte) in [(9, b'Z'), (9, b'/'), (20, 0), (34, 0xff)] {
        let mut frame = frame.clone();
        frame[at] = byte;
        assert_eq!(decode::<ControlRequest>(&frame, MAX_REQUEST), Err(FrameError::Malformed));
    }
    let mut nul = encode(&FromWorker::Hello(Hello {
        landlock_abi: 7,
        workspace: Text::new("/home").unwrap(),
    }))
    .unwrap();
    *nul.last_mut().unwrap() = 0;
    assert_eq!(decode::<FromWorker>(&nul, MAX_FRAME), Err(FrameError::Malformed));
}

#[test]
fn a_request_over_the_root_limit_is_refused_unread() {
    let frame = vec![gaggle_ipc::codec::VERSION; MAX_REQUEST + 1];
    assert_eq!(decode::<ControlRequest>(&frame, MAX_REQUEST), Err(FrameError::TooLong));
    assert_eq!(decode::<ControlRequest>(&[], MAX_REQUEST), Err(FrameError::Empty));
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        if let Some(first) = bytes.first_mut() {
            *first = gaggle_ipc::codec::VERSION;
        }
        let _ = decode::<ControlRequest>(&bytes, MAX_REQUEST);
        let _ = decode::<ControlReply>(&bytes, MAX_FRAME);
        let _ = decode::<AdminRequest>(&bytes, MAX_REQUEST);
        let _ = decode::<AdminReply>(&bytes, MAX_FRAME);
        let _ = decode::<ToWorker>(&bytes, MAX_FRAME);
        let _ = decode::<FromWorker>(&bytes, MAX_FRAME);
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(
        tag in 0u8..12,
        mut bytes in prop::collection::vec(any::<u8>(), 40..400),
    ) {
        bytes[0] = gaggle_ipc::codec::VERSION;
        bytes[1..5].copy_from_slice(&[tag, 0, 0, 0]);
        if let Ok(message) = decode::<ToWorker>(&bytes, MAX_FRAME) {
            prop_assert_eq!(encode(&message).unwrap(), bytes);
        }
    }
}
