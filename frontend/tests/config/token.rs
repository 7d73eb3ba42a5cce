//! The token: where it comes from, and who else may know it.

use std::path::Path;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::{BASE, Folder, env, with, write};
use gaggle_frontend::config::Config;

fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
}

#[test]
fn the_token_comes_from_systemd_then_from_a_file_then_from_a_variable() {
    let folder = Folder::new("[mattermost]\ntoken_file = \"token\"\n", BASE);
    write(&folder.path("token"), "from-file\n");
    let token = |config: Config| config.mattermost.token.expose_secret().to_owned();
    assert_eq!(token(folder.load().unwrap()), "from-file");
    let credentials = TempDir::new().unwrap();
    let directory = credentials.path().to_str().unwrap();
    let variable = [("CREDENTIALS_DIRECTORY", directory)];
    // A folder of other credentials changes nothing.
    assert_eq!(token(folder.load_in(&variable).unwrap()), "from-file");
    // Nor does what the unit passes where its own file is not there.
    write(&credentials.path().join("mattermost-token"), "\n");
    assert_eq!(token(folder.load_in(&variable).unwrap()), "from-file");
    write(&credentials.path().join("mattermost-token"), "from-systemd\n");
    assert_eq!(token(folder.load_in(&variable).unwrap()), "from-systemd");
    let plain = env(BASE);
    assert!(plain.notices.iter().any(|notice| notice.contains("LoadCredential")));
    assert_eq!(token(plain), "abc");
}

#[test]
fn a_token_that_everybody_can_read_is_refused() {
    let folder = Folder::new("[mattermost]\ntoken_file = \"token\"\n", BASE);
    write(&folder.path("token"), "from-file\n");
    assert!(folder.load().is_ok());
    open_to_all(&folder.path("token"));
    let problems = folder.load().unwrap_err();
    assert!(problems[0].contains("chmod 0640"), "{problems:?}");
    let folder = Folder::new("", BASE);
    open_to_all(&folder.path("gaggle.env"));
    let problems = folder.load().unwrap_err();
    assert!(problems[0].contains("chmod 0640"), "{problems:?}");
    // Without a token in it the file is nobody's secret.
    assert!(folder.load_in(&[("MATTERMOST_TOKEN", "abc")]).is_ok());
}

#[test]
fn a_token_is_never_shown() {
    for token in ["se cret", "\"secret\\nX: y\"", "''"] {
        let problems =
            Folder::new("", &format!("MATTERMOST_URL=a.example\nMATTERMOST_TOKEN={token}\n"))
                .load()
                .unwrap_err();
        assert!(!problems.concat().contains("cret"), "{problems:?}");
    }
    assert!(!format!("{:?}", with("")).contains("abc"));
}
