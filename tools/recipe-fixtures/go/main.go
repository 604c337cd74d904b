// Exports of Supabase and Ory Kratos, with hashes by the library that both of them use.
//
// Usage: go run . FOLDER >> LOGINS.csv
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/pbkdf2"
	"golang.org/x/crypto/scrypt"
)

func passwordOf(login string) []byte {
	password := "Grüße von " + login
	fmt.Printf("%s,%s\n", login, password)
	return []byte(password)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func newSalt() []byte {
	salt := make([]byte, 16)
	must(rand.Read(salt))
	return salt
}

var raw, padded = base64.RawStdEncoding, base64.StdEncoding

func bcryptHash(password []byte) string {
	return string(must(bcrypt.GenerateFromPassword(password, 10)))
}

func argon2Hash(password []byte) string {
	salt := newSalt()
	hash := argon2.IDKey(password, salt, 2, 1024, 1, 32)
	return fmt.Sprintf("$argon2id$v=19$m=1024,t=2,p=1$%s$%s", raw.EncodeToString(salt), raw.EncodeToString(hash))
}

// As github.com/ory/kratos/hash reads them.
func pbkdf2Hash(password []byte) string {
	salt := newSalt()
	hash := pbkdf2.Key(password, salt, 10000, 32, sha256.New)
	return fmt.Sprintf("$pbkdf2-sha256$i=10000,l=32$%s$%s", raw.EncodeToString(salt), raw.EncodeToString(hash))
}

// The same: ln is N there, and base64 is padded.
func scryptHash(password []byte) string {
	salt := newSalt()
	hash := must(scrypt.Key(password, salt, 16384, 8, 1, 32))
	return fmt.Sprintf("$scrypt$ln=16384,r=8,p=1$%s$%s", padded.EncodeToString(salt), padded.EncodeToString(hash))
}

func writeSupabase(folder string) {
	file := must(os.Create(folder + "/supabase.csv"))
	defer file.Close()
	table := csv.NewWriter(file)
	defer table.Flush()
	table.Write([]string{"id", "email", "encrypted_password", "email_confirmed_at", "raw_app_meta_data", "raw_user_meta_data", "deleted_at", "is_sso_user", "is_anonymous", "phone", "phone_confirmed_at"})
	add := func(number int, name, hash, provider, phone string) {
		id := fmt.Sprintf("5abe0000-0000-4000-8000-%012d", number)
		app := fmt.Sprintf(`{"provider": "%s", "providers": ["%s"], "plan": "gold"}`, provider, provider)
		profile := fmt.Sprintf(`{"full_name": "%s of Supabase"}`, name)
		table.Write([]string{id, name + "@supabase.example.com", hash, "2020-05-04 09:30:00.123456+00", app, profile, "", "f", "f", phone, ""})
	}
	add(1, "bcrypt", bcryptHash(passwordOf("bcrypt@supabase.example.com")), "email", "4915112345670")
	add(2, "argon2", argon2Hash(passwordOf("argon2@supabase.example.com")), "email", "")
	add(3, "fbscrypt", "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw==$C0sHCg9ek77hsg==$ZGlmZmVyZW50aGFzaA==", "email", "")
	add(4, "google", "", "google", "")
}

func writeKratos(folder string) {
	var identities []any
	add := func(name, hash string) {
		email := name + "@kratos.example.com"
		identities = append(identities, map[string]any{
			"id":                   fmt.Sprintf("0c7a0000-0000-4000-8000-%012d", len(identities)),
			"schema_id":            "default",
			"state":                "active",
			"traits":               map[string]any{"email": email, "name": map[string]string{"first": name, "last": "of Kratos"}},
			"verifiable_addresses": []any{map[string]any{"value": email, "verified": true, "via": "email", "status": "completed"}},
			"metadata_public":      map[string]any{"plan": "gold"},
			"credentials": map[string]any{
				"password": map[string]any{"type": "password", "identifiers": []string{email}, "config": map[string]string{"hashed_password": hash}},
			},
		})
	}
	add("argon2", argon2Hash(passwordOf("argon2@kratos.example.com")))
	add("bcrypt", bcryptHash(passwordOf("bcrypt@kratos.example.com")))
	add("pbkdf2", pbkdf2Hash(passwordOf("pbkdf2@kratos.example.com")))
	add("scrypt", scryptHash(passwordOf("scrypt@kratos.example.com")))
	add("md5-crypt", "$md5-crypt$rJrPCpm$XFQpEYQnbdGBOaDTmpAlh/")
	content := must(json.MarshalIndent(identities, "", "  "))
	if err := os.WriteFile(folder+"/kratos.json", append(content, '\n'), 0o644); err != nil {
		panic(err)
	}
}

func main() {
	writeSupabase(os.Args[1])
	writeKratos(os.Args[1])
}
