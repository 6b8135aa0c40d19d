use std::io::Read;

use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Users(Vec<u8>);

impl Users {
    // A method of this name takes a `&mut` elsewhere in the file.
    #[with_session]
    async fn read(&self, db: &mut Session<AppDb>) -> Result<usize, SessionError> {
        db.rollback().await?;
        Ok(self.0.len())
    }

    fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut buffer = vec![0; 2];
        let count = self.0.as_slice().read(&mut buffer)?;
        buffer.truncate(count);
        Ok(buffer)
    }
}

// One that is called in both ways, each with its own form.
#[with_session]
async fn fill(db: &mut Session<AppDb>, into: &mut Vec<u8>) -> Result<(), SessionError> {
    into.push(1);
    db.commit().await
}

async fn both() -> Result<Vec<u8>, SessionError> {
    let mut bytes = Vec::new();
    fill(&mut bytes).await?;
    let mut db = AppDb::create_session().await?;
    fill_in(&mut db, &mut bytes).await?;
    db.commit().await?;
    Ok(bytes)
}

fn main() {
    assert_eq!(Users(vec![7]).bytes().ok(), Some(vec![7]));
    let _ = (both(), Users::read);
}
