//! Tools that people expect to work in the default profile: git, here and over
//! https, and ssh.

mod server;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::{ANSWER, Lab, wait};

use server::Server;

const WORKSPACE: &str = "/home/alice/workspace";

/// A lab; without `tool` on this machine the test fails and says how to mend it.
#[track_caller]
fn lab(tool: &str, package: &str) -> Result<Option<Lab>> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(None) };
    let there = lab.namespace.run(0, &["sh", "-c", "command -v \"$0\"", tool])?;
    ensure!(there.status.success(), "{tool} is not installed; run: apt-get install {package}");
    Ok(Some(lab))
}

/// Writes a file as alice, outside of her agent's sandbox.
fn write(lab: &Lab, path: &str, content: &str) -> Result<()> {
    let script = "umask 077; mkdir -p \"$(dirname \"$0\")\" && printf %s \"$1\" > \"$0\"";
    let uid = lab.person("alice")?.uid;
    let done = lab.namespace.run(uid, &["sh", "-c", script, path, content])?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

#[test]
fn git_works_also_where_the_home_holds_a_configuration() -> Result<()> {
    let Some(lab) = lab("git", "git")? else { return Ok(()) };
    write(&lab, "/home/alice/.gitconfig", "[user]\n\tname = Of the home\n")?;
    let commit = "git init -q repo 2>/dev/null; cd repo; git config --global user.name Agent && \
                  git config --global user.email agent@example.org && echo text > file && git add file && \
                  git commit -q -m first && git log --format=%an:%s";
    let mut thread = lab.ask("alice", &format!("run: {commit}"))?;
    assert_eq!(thread.answer()?, "Agent:first");
    assert_eq!(thread.then("run: git config --global user.name")?, "Agent");
    let own = std::fs::read_to_string(lab.namespace.seen("/home/alice/.gitconfig"))?;
    assert!(own.contains("Of the home"), "the person's own is untouched: {own}");
    // The control: with git's own rules the file in the home is the end of it.
    let plain = thread.then("run: cd repo; env -u GIT_CONFIG_GLOBAL git status")?;
    assert!(plain.contains("fatal: unknown error"), "{plain}");
    Ok(())
}

#[test]
fn git_clones_over_https() -> Result<()> {
    let Some(lab) = lab("git", "git")? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let server = Server::start(repository(folder.path())?)?;
    let mut thread =
        lab.ask("alice", &format!("run: git clone -q {}/repo.git 2>&1", server.url))?;
    let refused = thread.answer()?;
    assert!(refused.contains("ertificate"), "a CA nobody trusts yet: {refused}");
    write(&lab, &format!("{WORKSPACE}/ca.pem"), &server.ca)?;
    let clone = format!(
        "run: git config --global http.sslCAInfo {WORKSPACE}/ca.pem; git clone -q {}/repo.git && cat repo/file",
        server.url
    );
    assert_eq!(thread.then(&clone)?, "over https");
    Ok(())
}

/// A bare repository that any web server can hand out.
fn repository(folder: &Path) -> Result<std::path::PathBuf> {
    let script = "set -e; git init -q work; cd work; echo over https > file; git add file; \
                  git -c user.name=x -c user.email=x@y commit -q -m x; cd ..; \
                  git clone -q --bare work repo.git; cd repo.git; git update-server-info";
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(folder);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    let made = command.output().context("sh")?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(folder.to_owned())
}

/// Accepts one connection, greets like an SSH server, and tells what came.
fn ssh_listener() -> Result<(u16, std::thread::JoinHandle<Result<String>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let heard = std::thread::spawn(move || {
        let accepted = wait::until(ANSWER, || listener.accept().ok());
        let (mut connection, _) = accepted.context("nobody connects")?;
        connection.set_nonblocking(false)?;
        connection.set_read_timeout(Some(ANSWER))?;
        connection.write_all(b"SSH-2.0-Test\r\n")?;
        let mut heard = [0; 8];
        connection.read_exact(&mut heard)?;
        Ok(String::from_utf8_lossy(&heard).into_owned())
    });
    Ok((port, heard))
}

#[test]
fn ssh_starts_also_where_the_home_holds_a_configuration() -> Result<()> {
    let Some(lab) = lab("ssh", "openssh-client")? else { return Ok(()) };
    write(&lab, "/home/alice/.ssh/config", "NoSuchOption yes\n")?;
    let (port, heard) = ssh_listener()?;
    let ssh = format!("ssh -o BatchMode=yes -p {port} 127.0.0.1 true");
    // The control: what reads the configuration says so.
    let uid = lab.person("alice")?.uid;
    let outside = lab.namespace.run(uid, &["sh", "-c", &ssh])?;
    let outside = String::from_utf8_lossy(&outside.stderr).into_owned();
    assert!(outside.contains("nosuchoption"), "{outside}");
    let said = lab.answer("alice", &format!("run: {ssh}"))?;
    assert!(!said.contains("nosuchoption"), "{said}");
    assert_eq!(heard.join().ok().context("the listener")??, "SSH-2.0-");
    Ok(())
}

#[test]
fn an_agents_own_key_and_known_hosts_live_in_the_workspace() -> Result<()> {
    let Some(lab) = lab("ssh", "openssh-client")? else { return Ok(()) };
    let (port, heard) = ssh_listener()?;
    let config = format!(
        "Host repository\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile ~/workspace/.ssh/id_ed25519\n  \
         UserKnownHostsFile ~/workspace/.ssh/known_hosts\n  StrictHostKeyChecking accept-new\n"
    );
    write(&lab, &format!("{WORKSPACE}/.ssh/config"), &config)?;
    let mut thread = lab.ask(
        "alice",
        "run: ssh-keygen -q -t ed25519 -N '' -f ~/workspace/.ssh/id_ed25519 && \
         ssh -F ~/workspace/.ssh/config -G repository | grep -E '^(identityfile|userknownhostsfile) '",
    )?;
    let settings = thread.answer()?;
    assert!(settings.contains("identityfile ~/workspace/.ssh/id_ed25519"), "{settings}");
    assert!(settings.contains(&format!("{WORKSPACE}/.ssh/known_hosts")), "{settings}");
    let tell = "git config --global core.sshCommand 'ssh -F ~/workspace/.ssh/config'; \
                GIT_TERMINAL_PROMPT=0 git ls-remote repository:x 2>&1; true";
    thread.then(&format!("run: {tell}"))?;
    assert_eq!(heard.join().ok().context("the listener")??, "SSH-2.0-", "git went by that way");
    Ok(())
}
