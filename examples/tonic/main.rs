//! A gRPC service whose handler sees the user, and a client that is let in and then refused.
//!
//! ```sh
//! cargo run --example tonic
//! ```

mod whoami;

use std::error::Error;

use tokio::{net::TcpListener, sync::oneshot};
use tonic::{
    Code, Request, Response, Status,
    transport::{Channel, Server, server::TcpIncoming},
};
use tower_oauth2_password::{
    Authenticated, MemoryTokens, MemoryUsers, PasswordFlow, model::Subject, token::Identity,
};
use whoami::{Answer, Question, WhoAmI, WhoAmIClient, WhoAmIServer};

struct User {
    name: String,
}

struct Handler;

impl WhoAmI for Handler {
    async fn ask(&self, request: Request<Question>) -> Result<Response<Answer>, Status> {
        let user = request.extensions().get::<Authenticated<User>>();
        let user = user.ok_or_else(|| Status::internal("no BearerLayer ran"))?;
        let (name, scope) = (user.name.clone(), user.scope().to_string());
        Ok(Response::new(Answer { name, scope }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();

    let meera = User {
        name: "Meera".to_owned(),
    };
    let users = MemoryUsers::new().with_user("meera", "secret123", meera)?;
    let flow = PasswordFlow::new(users, MemoryTokens::new());

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::builder()
        .layer(flow.bearer_layer()) // guards every service
        .add_service(WhoAmIServer::new(Handler))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), async {
            stopped.await.unwrap_or(());
        });
    let server = tokio::spawn(server);

    // Over the network a client would POST to a token endpoint; here it is handed its token.
    let identity = Identity::new(Subject::new("meera")?).with_scope("me".parse()?);
    let issued = flow.issuer().issue(identity).await?;
    let channel = Channel::from_shared(format!("http://{address}"))?
        .connect()
        .await?;
    let mut client = WhoAmIClient::new(channel);

    let answer = client
        .ask(with_token(issued.token().expose())?)
        .await?
        .into_inner();
    println!(
        "with a good token: the handler saw {} with scope {}",
        answer.name, answer.scope
    );

    let Err(refused) = client.ask(with_token("bad")?).await else {
        return Err("a bad token was let in".into());
    };
    println!(
        "with a bad token: {:?}, {:?}",
        refused.code(),
        refused.message()
    );
    println!(
        "    www-authenticate: {:?}",
        refused.metadata().get("www-authenticate")
    );
    if refused.code() != Code::Unauthenticated {
        return Err("a bad token was refused with another status".into());
    }

    drop(client);
    drop(stop);
    server.await??;
    Ok(())
}

fn with_token(token: &str) -> Result<Request<Question>, Box<dyn Error>> {
    let mut request = Request::new(Question {});
    let value = format!("Bearer {token}").parse()?;
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}
