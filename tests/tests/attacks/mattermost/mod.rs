//! Rows of `docs/attacks.md`: a malicious user of Mattermost.

mod files;
