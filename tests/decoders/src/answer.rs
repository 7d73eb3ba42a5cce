//! Text of a model on its way to a post.
//!
//! Trust: none; whoever fed the model may have chosen every character.

use crate::render::defuse::{LinkPolicy, defuse};
use crate::render::hosts::Hosts;
use crate::render::split::{Piece, closed, split};
use crate::{markdown, mentions};

/// A small limit, so that small inputs are cut too.
const LIMIT: usize = 400;

/// A posted text calls nobody and fetches nothing, and cutting it loses nothing.
pub(crate) fn check(text: &str) {
    let hosts = LinkPolicy::Hosts(Hosts::new(vec!["a.b".to_owned()]));
    for policy in [LinkPolicy::Plain, hosts, LinkPolicy::Links] {
        let safe = defuse(text, &policy);
        assert!(mentions::find(&safe, "all").is_empty(), "a mention survives");
        let fetched = markdown::outline(&safe).links.iter().any(|link| link.image);
        assert!(!fetched, "an image survives");
        cut(&safe);
    }
    let _ = closed(text);
    cut(text);
}

fn cut(text: &str) {
    let pieces = split(text, LIMIT);
    let whole: String = pieces.iter().map(|piece| piece.body).collect();
    assert_eq!(whole, text, "cutting lost something");
    let fits = |piece: &Piece<'_>| piece.text().chars().count() <= LIMIT;
    assert!(pieces.iter().all(fits), "a piece over the limit");
}
