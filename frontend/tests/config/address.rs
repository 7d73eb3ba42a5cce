//! Where the server is, said in one, two or three places.

use super::{BASE, Folder, TOKEN, env, problem};

fn url(env_lines: &str) -> String {
    env(&format!("{TOKEN}{env_lines}\n")).mattermost.url.to_string()
}

#[test]
fn an_address_may_be_a_host_or_a_full_url() {
    for (lines, expected) in [
        ("MATTERMOST_URL=chat.example.com", "https://chat.example.com/"),
        ("MATTERMOST_URL=chat.example.com:8443", "https://chat.example.com:8443/"),
        ("MATTERMOST_URL=https://chat.example.com/team/", "https://chat.example.com/team/"),
        ("MATTERMOST_URL=https://chat.example.com/team", "https://chat.example.com/team/"),
        ("MATTERMOST_URL=chat.example.com\nMATTERMOST_PORT=8443", "https://chat.example.com:8443/"),
        (
            "MATTERMOST_URL=chat.example.com:8443\nMATTERMOST_PORT=8443",
            "https://chat.example.com:8443/",
        ),
        (
            "MATTERMOST_URL=localhost\nMATTERMOST_SCHEME=http\nMATTERMOST_PORT=8065",
            "http://localhost:8065/",
        ),
        ("MATTERMOST_URL=http://[::1]:8065", "http://[::1]:8065/"),
        ("MATTERMOST_URL=127.0.0.1\nMATTERMOST_SCHEME=HTTP", "http://127.0.0.1/"),
        (
            "MATTERMOST_URL=https://chat.example.com\nMATTERMOST_SCHEME=https\nMATTERMOST_PORT=443",
            "https://chat.example.com/",
        ),
    ] {
        assert_eq!(url(lines), expected, "{lines}");
    }
}

#[test]
fn addresses_that_contradict_themselves_or_show_the_token_are_refused() {
    for (lines, says) in [
        ("MATTERMOST_URL=https://a.example\nMATTERMOST_SCHEME=http", "MATTERMOST_SCHEME"),
        ("MATTERMOST_URL=https://a.example\nMATTERMOST_PORT=8065", "MATTERMOST_PORT"),
        ("MATTERMOST_URL=a.example:443\nMATTERMOST_PORT=8443", "MATTERMOST_PORT"),
        ("MATTERMOST_URL=a.example\nMATTERMOST_SCHEME=http", "allow_plaintext"),
        ("MATTERMOST_URL=http://localhost.example.com", "allow_plaintext"),
        ("MATTERMOST_URL=ftp://a.example", "http://"),
        ("MATTERMOST_URL=https://user:pw@a.example", "password"),
        ("MATTERMOST_URL=https://a.example?x=1", "?"),
        ("MATTERMOST_URL=a.example\nMATTERMOST_SCHEME=htps", "http or https"),
        ("MATTERMOST_URL=a.example\nMATTERMOST_PORT=65536", "65535"),
    ] {
        let problem = problem("", &format!("{TOKEN}{lines}\n"));
        assert!(problem.contains(says) && problem.contains("gaggle.env line"), "{problem}");
        assert!(!problem.contains("pw@"), "{problem}");
    }
    let allowed =
        Folder::new("[mattermost]\nallow_plaintext = true\nurl = \"http://a.example\"\n", TOKEN);
    assert_eq!(allowed.load().unwrap().mattermost.url.as_str(), "http://a.example/");
}

#[test]
fn proxies_are_read_in_either_case() {
    let folder = Folder::new("", BASE);
    let config = folder
        .load_in(&[("https_proxy", "proxy.example:3128"), ("NO_PROXY", "localhost")])
        .unwrap();
    assert_eq!(config.mattermost.proxy.https.unwrap().as_str(), "http://proxy.example:3128/");
    assert_eq!(config.mattermost.proxy.http, None);
    assert_eq!(config.mattermost.proxy.none_for.as_deref(), Some("localhost"));
    let problems = folder.load_in(&[("HTTPS_PROXY", "socks5://u:secret@p")]).unwrap_err();
    assert!(problems[0].contains("HTTPS_PROXY") && !problems[0].contains("secret"));
}
