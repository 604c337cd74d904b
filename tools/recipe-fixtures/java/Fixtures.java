import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import org.keycloak.common.crypto.CryptoIntegration;
import org.keycloak.credential.hash.PasswordHashProvider;
import org.keycloak.credential.hash.Pbkdf2PasswordHashProvider;
import org.keycloak.crypto.hash.Argon2PasswordHashProvider;
import org.springframework.security.crypto.argon2.Argon2PasswordEncoder;
import org.springframework.security.crypto.bcrypt.BCryptPasswordEncoder;
import org.springframework.security.crypto.password.LdapShaPasswordEncoder;
import org.springframework.security.crypto.password.MessageDigestPasswordEncoder;
import org.springframework.security.crypto.password.PasswordEncoder;
import org.springframework.security.crypto.password.Pbkdf2PasswordEncoder;
import org.springframework.security.crypto.password.StandardPasswordEncoder;
import org.springframework.security.crypto.scrypt.SCryptPasswordEncoder;

/** Exports of Spring Security and Keycloak, with hashes by their own classes. Prints the logins. */
public class Fixtures {
  static final PrintStream LOGINS = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  static String passwordOf(String login) {
    String password = "Grüße von " + login;
    LOGINS.println(login + "," + password);
    return password;
  }

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    writeSpring(folder.resolve("spring.csv"));
    writeKeycloak(folder.resolve("keycloak.json"));
  }

  @SuppressWarnings("deprecation")
  static void writeSpring(Path file) throws Exception {
    Map<String, PasswordEncoder> encoders = new LinkedHashMap<>();
    encoders.put("bcrypt", new BCryptPasswordEncoder(6));
    encoders.put("argon2", new Argon2PasswordEncoder(16, 32, 1, 1024, 2));
    encoders.put("argon2@SpringSecurity_v5_8", new Argon2PasswordEncoder(16, 32, 1, 1024, 2));
    encoders.put("ldap", new LdapShaPasswordEncoder());
    encoders.put("MD5", new MessageDigestPasswordEncoder("MD5"));
    encoders.put("SHA-1", new MessageDigestPasswordEncoder("SHA-1"));
    encoders.put("SHA-256", new MessageDigestPasswordEncoder("SHA-256"));
    encoders.put("pbkdf2", Pbkdf2PasswordEncoder.defaultsForSpringSecurity_v5_5());
    encoders.put("pbkdf2@SpringSecurity_v5_8", Pbkdf2PasswordEncoder.defaultsForSpringSecurity_v5_8());
    encoders.put("scrypt", SCryptPasswordEncoder.defaultsForSpringSecurity_v4_1());
    encoders.put("scrypt@SpringSecurity_v5_8", SCryptPasswordEncoder.defaultsForSpringSecurity_v5_8());
    List<String> lines = new ArrayList<>(List.of("id,username,email,password,enabled"));
    for (Map.Entry<String, PasswordEncoder> each : encoders.entrySet()) {
      String login = each.getKey().replace("@SpringSecurity_", "-").toLowerCase() + "@spring.example.com";
      String hash = "{" + each.getKey() + "}" + each.getValue().encode(passwordOf(login));
      lines.add((4000 + lines.size()) + "," + login + ",,\"" + hash + "\",true");
    }
    // Who signs in by the user name.
    String plain = "sp_bcrypt";
    lines.add("4101," + plain + ",plain@spring.example.com," + new BCryptPasswordEncoder(4).encode(passwordOf(plain)) + ",true");
    lines.add("4102,sha256@spring.example.com,,{sha256}" + new StandardPasswordEncoder().encode("never mind") + ",true");
    lines.add("4103,noop@spring.example.com,,{noop}never mind,false");
    Files.writeString(file, String.join("\n", lines) + "\n");
  }

  static void writeKeycloak(Path file) throws Exception {
    Map<String, PasswordHashProvider> providers = new LinkedHashMap<>();
    providers.put("pbkdf2", new Pbkdf2PasswordHashProvider("pbkdf2", "PBKDF2WithHmacSHA1", 2_000, 0));
    providers.put("pbkdf2-sha256", new Pbkdf2PasswordHashProvider("pbkdf2-sha256", "PBKDF2WithHmacSHA256", 27_500, 0, 512));
    providers.put("pbkdf2-sha256-26", new Pbkdf2PasswordHashProvider("pbkdf2-sha256", "PBKDF2WithHmacSHA256", 27_500, 0, 256));
    providers.put("pbkdf2-sha512", new Pbkdf2PasswordHashProvider("pbkdf2-sha512", "PBKDF2WithHmacSHA512", 30_000, 0, 512));
    providers.put("argon2", new Argon2PasswordHashProvider("1.3", "id", 32, 1024, 2, 1, new Semaphore(1)));
    CryptoIntegration.init(Fixtures.class.getClassLoader());
    List<Object> users = new ArrayList<>();
    for (Map.Entry<String, PasswordHashProvider> each : providers.entrySet()) {
      String email = each.getKey() + "@keycloak.example.com";
      var credential = each.getValue().encodedCredential(passwordOf(email), -1);
      users.add(user(users.size(), each.getKey(), email, List.of(Map.of(
        "type", "password", "createdDate", 1600000000000L,
        "secretData", credential.getSecretData(), "credentialData", credential.getCredentialData()))));
    }
    Map<String, Object> google = user(users.size(), "google", "google@keycloak.example.com", List.of());
    google.put("federatedIdentities", List.of(Map.of("identityProvider", "google", "userId", "1", "userName", "google")));
    users.add(google);
    Map<String, Object> account = user(users.size(), "service-account-shop", null, List.of());
    account.put("serviceAccountClientId", "shop");
    users.add(account);
    Map<String, Object> realm = new LinkedHashMap<>();
    realm.put("realm", "customers");
    realm.put("users", users);
    new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValue(file.toFile(), realm);
  }

  static Map<String, Object> user(int number, String name, String email, List<?> credentials) {
    Map<String, Object> user = new LinkedHashMap<>();
    user.put("id", String.format("00000000-0000-4000-9000-%012d", number));
    user.put("createdTimestamp", 1600000000000L);
    user.put("username", email == null ? name : email);
    user.put("enabled", true);
    user.put("totp", false);
    user.put("emailVerified", true);
    user.put("firstName", name);
    user.put("lastName", "of Keycloak");
    if (email != null) user.put("email", email);
    user.put("attributes", Map.of("plan", List.of("gold")));
    user.put("credentials", credentials);
    user.put("disableableCredentialTypes", List.of());
    user.put("requiredActions", List.of());
    user.put("realmRoles", List.of("default-roles-customers"));
    user.put("notBefore", 0);
    user.put("groups", List.of());
    return user;
  }
}
