//! Channels that come and go.

use crate::folder;
use crate::reading::Reading;
use crate::server::Server;

#[tokio::test]
async fn the_first_direct_message_of_a_person_is_handed_over() {
    let (server, folder) = (Server::start().await, folder());
    let reading = Reading::start(&server, folder.path()).await;
    let post = {
        let mut model = server.model();
        let channel = model.channel("D");
        model.post(channel)
    };
    reading.handed(post).await;
}

#[tokio::test]
async fn a_channel_the_bot_is_added_to_has_no_history() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("O");
    server.model().leave(channel);
    let reading = Reading::start(&server, folder.path()).await;
    let new = {
        let mut model = server.model();
        for _ in 0..500 {
            model.post(channel);
        }
        model.join(channel);
        model.post(channel)
    };
    reading.handed(new).await;
    reading.looked(&server).await;
    // The post that tells of the joining itself, and the one after it.
    assert_eq!(reading.inbox.posts().len(), 2);
}

#[tokio::test]
async fn what_was_written_while_the_bot_was_out_of_a_channel_is_history() {
    let (server, folder) = (Server::start().await, folder());
    let channel = server.channel("P");
    let reading = Reading::start(&server, folder.path()).await;
    let first = server.post(channel);
    reading.handed(first).await;
    server.model().leave(channel);
    reading.looked(&server).await;
    let unseen = server.post(channel);
    reading.stop().await;
    server.model().join(channel);
    let last = server.post(channel);
    let reading = Reading::start(&server, folder.path()).await;
    reading.handed(last).await;
    reading.looked(&server).await;
    assert!(!reading.inbox.has(unseen) && !reading.inbox.has(first));
}
