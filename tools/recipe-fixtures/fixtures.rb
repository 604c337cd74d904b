# Exports of Ruby on Rails with Devise, with and without a pepper, with hashes by Devise.
#
# Usage: ruby fixtures.rb FOLDER >> LOGINS.csv
require "csv"
require "devise"

Model = Struct.new(:stretches, :pepper)
HEADER = %w[id email encrypted_password sign_in_count confirmed_at created_at]

def write(name, first_id, pepper, users)
  CSV.open("#{ARGV[0]}/#{name}", "w") do |csv|
    csv << HEADER
    users.each_with_index do |(name, password), number|
      email = "#{name}@devise.example.com"
      password ||= "Grüße von #{email}"
      puts "#{email},#{password}"
      hash = Devise::Encryptor.digest(Model.new(6, pepper), password)
      csv << [first_id + number, email, hash, 3, "2020-05-04 09:30:00.123456", "2020-05-04 09:30:00.123456"]
    end
  end
end

write "devise.csv", 7001, nil, { "plain" => nil }
# The second password fills the 72 bytes of bcrypt with a part of the pepper only.
write "devise-pepper.csv", 7101, "0123456789abcdef" * 8, { "pepper" => nil, "pepper-long" => "0123456789" * 7 }
