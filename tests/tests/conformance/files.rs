//! Files: upload, attach once, read.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::json;

use super::world::{World, id};

async fn a_file_is_its_uploaders_until_it_is_attached(world: World) -> Result<()> {
    let path = format!("/files?channel_id={}&filename=..%2Fnotes.txt", world.channel);
    let content = Some("hello".to_owned());
    let reply = world.rest.raw(&world.bot.token, Method::POST, &path, content).await?.is(201)?;
    let info = reply["file_infos"][0].clone();
    ensure!(info["name"] == "notes.txt" && info["size"] == 5, "{info}");
    let file = format!("/files/{}", id(&info));
    let reply = world.get(&world.alice, &file).await?;
    reply.refused(403, "api.context.permissions.app_error")?;
    let body = json!({ "channel_id": world.channel, "message": "file", "file_ids": [info["id"]] });
    let post = world.post(&world.bot, "/posts", body.clone()).await?.is(201)?;
    ensure!(post["file_ids"] == json!([info["id"]]), "{post}");
    ensure!(post["metadata"]["files"][0]["id"] == info["id"], "{post}");
    let reply = world.get(&world.alice, &file).await?;
    ensure!(reply.status == 200 && reply.body == "hello", "{} {}", reply.status, reply.body);
    let disposition = reply.header("content-disposition");
    ensure!(disposition.starts_with("attachment"), "{disposition}");
    ensure!(reply.header("x-content-type-options") == "nosniff", "nosniff");
    let info = world.get(&world.alice, &format!("{file}/info")).await?.is(200)?;
    ensure!(info["post_id"] == post["id"], "{info}");
    let again = world.post(&world.bot, "/posts", body).await?.is(201)?;
    let none = again.get("file_ids").is_none_or(|ids| ids.as_array().is_none_or(Vec::is_empty));
    ensure!(none, "attached twice: {again}");
    Ok(())
}

async fn a_form_uploads_too(world: World) -> Result<()> {
    let boundary = "gaggle-boundary";
    let field = |name: &str, value: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    let body = format!(
        "{}{}--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; \
         filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n--{boundary}--\r\n",
        field("channel_id", &world.channel),
        field("client_ids", "mine"),
    );
    let client = reqwest::Client::builder().no_proxy().build()?;
    let response = client
        .post(format!("{}/api/v4/files", world.rest.base))
        .bearer_auth(&world.bot.token)
        .header("Content-Type", format!("multipart/form-data; boundary={boundary}"))
        .body(body)
        .send()
        .await?;
    ensure!(response.status() == 201, "{}", response.status());
    let reply: serde_json::Value = response.json().await?;
    let info = reply["file_infos"].get(0).context("no file")?;
    ensure!(info["name"] == "a.txt" && info["size"] == 7, "{reply}");
    ensure!(reply["client_ids"] == json!(["mine"]), "{reply}");
    Ok(())
}

async fn what_is_not_there_and_what_is_somebody_elses_is_not_attached(world: World) -> Result<()> {
    let unknown = gaggle_tests::mattermost::Id::random();
    let reply = world.get(&world.bot, &format!("/files/{unknown}")).await?;
    ensure!(reply.status == 404, "{}", reply.status);
    let path = format!("/files?channel_id={}&filename=of-alice.txt", world.channel);
    let content = Some("hers".to_owned());
    let reply = world.rest.raw(&world.alice.token, Method::POST, &path, content).await?.is(201)?;
    let info = reply["file_infos"][0].clone();
    let body = json!({ "channel_id": world.channel, "message": "x", "file_ids": [info["id"]] });
    let post = world.post(&world.bot, "/posts", body).await?.is(201)?;
    let none = post.get("file_ids").is_none_or(|ids| ids.as_array().is_none_or(Vec::is_empty));
    ensure!(none, "somebody else's file was attached: {post}");
    Ok(())
}

async fn an_upload_in_pieces_has_a_length_and_a_file_may_be_empty(world: World) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    for content in ["", "in several pieces"] {
        let pieces: Vec<std::io::Result<Vec<u8>>> =
            content.as_bytes().chunks(4).map(|piece| Ok(piece.to_vec())).collect();
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        let response = client
            .post(format!(
                "{}/api/v4/files?channel_id={}&filename=a%20b.txt",
                world.rest.base, world.channel
            ))
            .bearer_auth(&world.bot.token)
            .header("Content-Length", content.len())
            .body(body)
            .send()
            .await?;
        ensure!(response.status() == 201, "{}", response.status());
        let reply: serde_json::Value = response.json().await?;
        let info = reply["file_infos"].get(0).context("no file")?;
        ensure!(info["name"] == "a b.txt" && info["size"] == content.len(), "{reply}");
    }
    Ok(())
}

mod tests {
    crate::case::cases![
        a_file_is_its_uploaders_until_it_is_attached,
        a_form_uploads_too,
        what_is_not_there_and_what_is_somebody_elses_is_not_attached,
        an_upload_in_pieces_has_a_length_and_a_file_may_be_empty,
    ];
}
