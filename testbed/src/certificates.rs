//! Certificates for tests: an authority, and certificates that it signs.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tempfile::TempDir;

/// A private authority. Only clients that get its [`file`](Self::file) trust it.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Certificate {
    pub(crate) chain: String,
    pub(crate) key: String,
    folder: TempDir,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Creates an authority with its own key.
    pub fn new() -> Self {
        let mut params = params("testbed's authority", Vec::new());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a certificate");
        let folder = folder();
        fs::write(folder.path().join("authority.pem"), issuer.pem()).expect("a file");
        Self { issuer, folder }
    }

    /// The authority's certificate, for `sslrootcert`.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The authority's certificate, as PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for the host or the user of this name.
    pub fn issue(&self, name: &str) -> Certificate {
        self.sign(&params(name, vec![name.to_owned()]))
    }

    /// Like `issue`, but expired.
    pub fn issue_expired(&self, name: &str) -> Certificate {
        let mut params = params(name, vec![name.to_owned()]);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Certificate {
        let key = key();
        let signed = params.signed_by(&key, &self.issuer).expect("a certificate");
        Certificate::new(signed.pem(), &key)
    }
}

impl Certificate {
    /// A certificate that is its own authority, as `openssl req -x509` creates it.
    pub fn self_signed(name: &str) -> Self {
        let mut params = params(name, vec![name.to_owned()]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = key();
        let signed = params.self_signed(&key).expect("a certificate");
        Self::new(signed.pem(), &key)
    }

    fn new(chain: String, key: &KeyPair) -> Self {
        let (key, folder) = (key.serialize_pem(), folder());
        fs::write(folder.path().join("certificate.pem"), &chain).expect("a file");
        fs::write(folder.path().join("key.pem"), &key).expect("a file");
        Self { chain, key, folder }
    }

    /// The certificate, for `sslcert`.
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// The certificate's key, for `sslkey`.
    pub fn key_file(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}

fn params(name: &str, names: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("session-factory-certificates-")
        .tempdir()
        .expect("a folder")
}
