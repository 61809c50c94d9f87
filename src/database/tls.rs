//! TLS for every client: the web's roots, and those of `SSL_CERT_FILE` or of a URL's `sslrootcert`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};

/// A configuration that verifies servers; `more` is a PEM file with further roots.
pub fn verified(more: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for file in &root_files(more) {
        let certificates = CertificateDer::pem_file_iter(file)
            .with_context(|| format!("failed to read the certificates `{}`", file.display()))?;
        for certificate in certificates {
            let certificate = certificate.with_context(|| format!("`{}` holds no certificate", file.display()))?;
            roots.add(certificate).with_context(|| format!("`{}` holds no root certificate", file.display()))?;
        }
    }
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

/// The files with roots beside the web's.
pub fn root_files(more: Option<&Path>) -> Vec<PathBuf> {
    let variable = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    more.map(Path::to_owned).into_iter().chain(variable).collect()
}

/// Encryption with whoever answers: what PostgreSQL's `sslmode=prefer` means, which would take no encryption either.
pub fn opportunistic() -> anyhow::Result<ClientConfig> {
    let verifier = Arc::new(AnyServer(ring::default_provider()));
    Ok(builder()?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn builder() -> anyhow::Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?)
}

#[derive(Debug)]
struct AnyServer(CryptoProvider);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
