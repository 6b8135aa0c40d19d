use super::*;

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

#[test]
fn finds_the_same_frames_wherever_the_reads_fall() {
    let mut stream = frame(b'C', b"INSERT 0 1\0");
    stream.extend(frame(b'D', &[7; 300]));
    stream.extend(frame(b'n', b""));
    stream.extend(frame(b'Z', b"T"));
    let protocol_state = ProtocolState::default();
    for size in 1..stream.len() {
        let mut frames = Frames::tagged();
        let mut seen = Vec::new();
        for piece in stream.chunks(size) {
            frames.feed(
                piece,
                |tag| protocol_state.wants_incoming(tag),
                |tag, body| {
                    seen.push((tag, body.to_vec()));
                },
            );
        }
        assert_eq!(
            seen,
            [(b'C', b"INSERT 0 1\0".to_vec()), (b'Z', b"T".to_vec())],
            "in pieces of {size}"
        );
    }
}

#[test]
fn the_startup_message_has_no_tag() {
    let mut stream = 8_u32.to_be_bytes().to_vec();
    stream.extend([0, 3, 0, 0]);
    stream.extend(frame(b'Q', b"select 1\0"));
    let mut frames = Frames::untagged_first();
    let mut seen = Vec::new();
    frames.feed(
        &stream,
        |tag| tag == b'Q' || tag == 0,
        |tag, body| seen.push((tag, body.to_vec())),
    );
    assert_eq!(
        seen,
        [(0, vec![0, 3, 0, 0]), (b'Q', b"select 1\0".to_vec())]
    );
}
